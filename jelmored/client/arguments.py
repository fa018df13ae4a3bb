"""The command line of `jelmore`: which command, and its options by their names in the command's function."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from jelmored import __version__
from jelmored.domain.permissions import PermissionMode

from .exits import MEANING

SESSION = "an id, a name, or a unique beginning of one; without it the last session of this directory"
ABOUT = "Coding-agent sessions that a daemon owns. Alone: what works, and who waits for you."
GLOBAL = ("where", "json", "no_spawn")


@attrs.frozen
class Command:
    """What was asked for.

    Args:
        where: `module:function` in `jelmored.client.commands`.
        options: the function's keyword arguments.
    """

    where: str
    options: dict[str, Any]
    json: bool
    spawn: bool


def parse(argv: Sequence[str]) -> Command:
    """Ends the program with exit code 2 and a usage line when they make no sense, as argparse does."""
    given = vars(_parser().parse_args(argv))
    options = {name: value for name, value in given.items() if name not in GLOBAL}
    return Command(given["where"], options, given.get("json", False), not given.get("no_spawn", False))


def _parser() -> argparse.ArgumentParser:
    shared = _shared()
    parser = argparse.ArgumentParser(
        prog="jelmore",
        description=ABOUT,
        epilog="exit codes:\n" + "\n".join(f"  {code.value:>3}  {words}" for code, words in MEANING.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"jelmore {__version__}")
    parser.set_defaults(where="sessions:overview")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, where: str, words: str, *, to: Any = commands) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = to.add_parser(name, help=words, description=words, parents=[shared])
        command.set_defaults(where=where)
        return command

    _conversations(add)
    _sessions(add)
    _approvals(add)
    _daemon(add)
    return parser


Add = Callable[..., argparse.ArgumentParser]


def _shared() -> argparse.ArgumentParser:
    """They may stand before the command or after it."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="values for programs instead of words for people")
    shared.add_argument("--no-spawn", action="store_true", help="start no daemon when none runs")
    return shared


def _conversations(add: Add) -> None:
    run = add("run", "conversations:run", "a new session with this prompt, watched until its turn ends")
    run.add_argument("-n", "--name", help="the session's name")
    run.add_argument("-d", "--detach", action="store_true", help="leave it in the background")
    run.add_argument("-m", "--model", help="as the provider names it")
    run.add_argument("--provider", help="where to begin")
    run.add_argument("-C", "--directory", metavar="DIR", help="where the agent works; without it, here")
    run.add_argument("--permission-mode", metavar="MODE", choices=list(map(str, PermissionMode)), help=_MODES)
    _included(run)
    _answered(run)
    run.add_argument("prompt", nargs="?", metavar="PROMPT", help="- or none: what stands on stdin")

    send = add("send", "conversations:send", "say something more to a session")
    _session(send)
    send.add_argument("-f", "--follow", action="store_true", help="watch until the turn ends")
    send.add_argument(
        "--when-busy", default="queue", choices=["queue", "steer", "interrupt", "refuse"], help="what if a turn runs"
    )
    _included(send)
    _answered(send)
    send.add_argument("prompt", metavar="PROMPT", help="- for what stands on stdin")

    attach = add("attach", "conversations:attach", "watch a session and take part; Ctrl-D leaves, the turn goes on")
    _session(attach)


_MODES = "what is answered without asking: " + ", ".join(PermissionMode)


def _included(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-i",
        "--include",
        metavar="FILE",
        action="append",
        default=[],
        help="send this file along: an image, a PDF, or one for the agent to read; may be repeated. "
        "@FILE in the prompt does the same, and so does the path of an image or a PDF",
    )


def _answered(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p", "--print", dest="answer", action="store_true", help="the answer on stdout, the rest on stderr"
    )
    command.add_argument(
        "--approve",
        choices=["all", "reads", "none"],
        help="answer approvals beforehand; without it and without a terminal they are denied",
    )


def _sessions(add: Add) -> None:
    ls = add("ls", "sessions:ls", "the sessions, latest activity first")
    ls.add_argument("-a", "--all", action="store_true", help="archived ones too")
    ls.add_argument("-q", "--quiet", action="store_true", help="only their ids")

    logs = add("logs", "logs:logs", "what has happened in a session")
    _session(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="and what goes on")
    logs.add_argument("-n", "--number", type=_count, help="only so many events")

    _session(wait := add("wait", "sessions:wait", "until a session is idle, or asks something"))
    wait.add_argument("--for", dest="what", default="idle", choices=["idle", "input"])
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer")

    _session(stop := add("interrupt", "sessions:interrupt", "end the turn that runs"))
    stop.add_argument("--keep-queue", action="store_true", help="prompts that wait stay")
    _session(add("archive", "sessions:archive", "end a session for good; its log stays"))


def _approvals(add: Add) -> None:
    add("next", "approvals:next_approval", "the oldest question of all sessions; a key answers it")
    approve = add("approve", "approvals:approve", "allow what is asked")
    approve.add_argument("--always", action="store_true", help="from now on, in this session")
    for command in (approve, add("deny", "approvals:deny", "reject what is asked")):
        command.add_argument("-m", "--message", help="tell the agent why")
        command.add_argument("target", nargs="?", metavar="APPROVAL|SESSION", help=f"an approval's id, or {SESSION}")


def _daemon(add: Add) -> None:
    providers = add("providers", "providers:providers", "who can answer, and how they are")
    providers.add_argument("--check", action="store_true", help="look now, free of charge")
    models = add("models", "providers:models", "the models on offer; prices for a million tokens")
    models.add_argument("--provider", help="only of this one")
    add("status", "daemons:status", "how the daemon is")
    daemon = add("daemon", "daemons:status", "start and stop the daemon, read its log")
    verbs = daemon.add_subparsers(title="commands", metavar="COMMAND")
    start = add("start", "daemons:start", "start it in the background", to=verbs)
    start.add_argument("--config", metavar="FILE", help="its configuration")
    add("stop", "daemons:stop", "stop it; sessions stay", to=verbs)
    logs = add("logs", "daemons:logs", "what it has said", to=verbs)
    logs.add_argument("-f", "--follow", action="store_true", help="and what it goes on to say")
    logs.add_argument("-n", "--number", type=_count, default=50, help="so many lines")
    add("connect", "connect:connect", "stdin lines to frames and back, for programs without WebSocket")


def _session(command: argparse.ArgumentParser) -> None:
    command.add_argument("session", nargs="?", metavar="SESSION", help=SESSION)


def _count(word: str) -> int:
    count = int(word)
    if count < 1:
        raise ValueError(word)
    return count
