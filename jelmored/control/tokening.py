"""`jelmored token`: the tokens of the TCP door, for the operator. A token is never printed, only its file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from jelmored.domain.scopes import Scope

from .tokens import DEFAULT, TokenFiles, is_name

SOON = "a daemon that runs heeds it within 2 s"


@attrs.frozen(kw_only=True)
class Asked:
    """What is wanted of the tokens in a directory. `say` takes a line for a person."""

    files: TokenFiles
    name: str
    scope: Scope
    say: Callable[[str], None]


def list_(asked: Asked) -> None:
    """Each with its scope and its file; then what is wrong with others."""
    tokens, faults = asked.files.read()
    if not tokens and not faults:
        asked.say(f"no tokens in {asked.files.directory}; the first is made when a port is opened (control.tcp)")
    for token in tokens:
        asked.say(f"{token.name:<20} {token.scope:<10} {asked.files.path(token.name)}")
    for fault in faults:
        asked.say(f"unusable: {fault}")


def add(asked: Asked) -> None:
    path = asked.files.add(asked.name, asked.scope)
    asked.say(f"added: {asked.name} ({asked.scope}) in {path}; {SOON}")
    asked.say(f"a client: JELMORE_URL=ws://127.0.0.1:PORT/v1 JELMORE_TOKEN_FILE={path} jelmore")


def rotate(asked: Asked) -> None:
    asked.say(f"rotated: {asked.name} in {asked.files.rotate(asked.name)}; {SOON}, and closes what came by the old one")


def revoke(asked: Asked) -> None:
    asked.files.revoke(asked.name)
    asked.say(f"revoked: {asked.name}; {SOON}, and closes what came by it")


ACTIONS: Mapping[str, Callable[[Asked], None]] = {"list": list_, "add": add, "rotate": rotate, "revoke": revoke}


def parser() -> argparse.ArgumentParser:
    """Of what stands behind `jelmored token`."""
    made = argparse.ArgumentParser(
        prog="jelmored token", description="The tokens by which clients come to the port.", allow_abbrev=False
    )
    made.set_defaults(command="token", name=DEFAULT, scope=Scope.OBSERVER)
    actions = made.add_subparsers(dest="action", required=True, metavar="list | add | rotate | revoke")
    for action, words in (
        ("list", "all of them, and where they are"),
        ("add", "one more, for observers if nothing else is said"),
        ("rotate", f"make it another one; {DEFAULT} if nothing is said"),
        ("revoke", "it lets nobody in any more"),
    ):
        one = actions.add_parser(action, help=words, description=words, allow_abbrev=False)
        one.add_argument("--state-dir", type=Path, metavar="D", help="where the journal is")
        if action != "list":
            one.add_argument(
                "name", type=_name, metavar="NAME", nargs="?" if action == "rotate" else None, default=DEFAULT
            )
        if action == "add":
            one.add_argument("--scope", type=Scope, choices=tuple(Scope), default=Scope.OBSERVER, help="what it may do")
    return made


def _name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("a name is made of letters, digits, - and _, 64 at most")
    return text
