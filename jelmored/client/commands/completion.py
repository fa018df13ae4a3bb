"""`completion`: the script for a shell; and what that script asks for on TAB, in part of the daemon that runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from jelmored.client.addresses import Address, UnixAddress, named
from jelmored.client.arguments import command_line
from jelmored.client.completing import Candidate, Offer, offer
from jelmored.client.errors import ClientError
from jelmored.client.exits import Exit
from jelmored.client.operands import LIVE, Operand
from jelmored.client.places import Places
from jelmored.client.shell import Shell
from jelmored.client.terminal.text import one_line

if TYPE_CHECKING:
    from jelmored.client.glimpse import Glimpse

SCRIPTS = Path(__file__).parent.parent / "completions"
PATIENCE = 0.15  # seconds for the daemon; somebody is typing


async def script(shell: Shell, *, of: str) -> Exit:
    """The script for one shell; how it is switched on stands at its top."""
    shell.out.write((SCRIPTS / f"jelmore.{of}").read_text("utf-8"))
    return Exit.OK


def offered(words: Sequence[str], out: TextIO) -> None:
    """A first line that says what else the shell is to offer, `words`, `files` or `directories`; then a word a line,
    after a tab what it means.

    Whatever fails or takes too long ends it without a word. No daemon is started.
    """
    found = offer(command_line(), words)
    _print(out, [_kind(found), *_lines(found, found.candidates)])
    if found.operand in LIVE:
        _print(out, _lines(found, _asked(found)))


def _kind(found: Offer) -> str:
    return {Operand.FILE: "files", Operand.DIRECTORY: "directories"}.get(found.operand, "words")  # type: ignore[arg-type]


def _lines(found: Offer, candidates: Sequence[Candidate]) -> list[str]:
    return [f"{candidate.word}\t{one_line(candidate.about)}" for candidate in found.fitting(candidates)]


def _print(out: TextIO, lines: Sequence[str]) -> None:
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()


def _asked(found: Offer) -> list[Candidate]:
    """What the daemon knows; nothing if it can't be asked."""
    from jelmored.client.glimpse import glimpse

    assert found.operand is not None  # noqa: S101 – or it would not be asked for
    try:
        with glimpse(_address(), PATIENCE) as look:
            return _LISTS[found.operand](look, found)
    except (ClientError, OSError, ValueError, LookupError, TypeError):  # gone, slow, or of another make
        return []


def _address() -> Address:
    """Where a daemon would be; its notice is left unread."""
    return named(os.environ) or UnixAddress(str(Places.of(os.environ).runtime / "control.sock"))


def _sessions(look: Glimpse, found: Offer) -> list[Candidate]:
    """Those that go on; archived ones where nothing else fits."""
    going_on = [_session(view, found) for view in _views(look)]
    if found.fitting(going_on):
        return going_on
    return [_session(view, found) for view in _views(look, includeTerminated=True)]


def _archived(look: Glimpse, found: Offer) -> list[Candidate]:
    views = _views(look, includeTerminated=True)
    return [_session(view, found) for view in views if view["status"] == "terminated"]


def _approvals(look: Glimpse, found: Offer) -> list[Candidate]:
    """Sessions that wait, by their names; approvals by their ids."""
    approvals = look.ask("approval/list", {})["approvals"]
    titles = {approval["sessionId"]: approval["title"] for approval in approvals}
    waiting = [view for view in _views(look) if view["sessionId"] in titles]
    by_session = [Candidate(_name(view, found), titles[view["sessionId"]]) for view in waiting]
    return [*by_session, *(Candidate(approval["approvalId"], approval["title"]) for approval in approvals)]


def _providers(look: Glimpse, found: Offer) -> list[Candidate]:
    providers = look.ask("provider/list", {})["providers"]
    return [Candidate(view["name"], view.get("reason", view["health"])) for view in providers]


def _models(look: Glimpse, found: Offer) -> list[Candidate]:
    return [Candidate(model["name"], model["provider"]) for model in look.ask("model/list", {})["models"]]


def _views(look: Glimpse, **find: bool) -> Iterator[dict[str, Any]]:
    """Sessions, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = look.ask("session/list", {**find, **cursor})
        yield from page["sessions"]
        if "nextCursor" not in page:
            return
        cursor = {"cursor": page["nextCursor"]}


def _session(view: Mapping[str, Any], found: Offer) -> Candidate:
    return Candidate(_name(view, found), f"{view['status'].replace('_', ' ')}, {view['directory']}")


def _name(view: Mapping[str, Any], found: Offer) -> str:
    """By id where it has no name, and for who has begun to type one."""
    name: str = view.get("name") or ""
    return view["sessionId"] if not name or found.typed.startswith("ses_") else name


_LISTS: Mapping[Operand, Callable[[Glimpse, Offer], list[Candidate]]] = {
    Operand.SESSION: _sessions,
    Operand.ARCHIVED: _archived,
    Operand.APPROVAL: _approvals,
    Operand.PROVIDER: _providers,
    Operand.MODEL: _models,
}
