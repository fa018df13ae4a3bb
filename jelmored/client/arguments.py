"""The command line of `jelmore`: which command, and its options by their names in the command's function."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from jelmored import __version__
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.usage import UsageKey

from .completing import options_first
from .exits import MEANING
from .figures import amount, count, day, number
from .operands import Operand
from .requiring import WANTED, WORDS, requirements

SESSION = "an id, a name, or a unique beginning of one; without it the last session of this directory"
ABOUT = "Coding-agent sessions that a daemon owns. Alone: who waits for you, what works, what there is."
GLOBAL = ("where", "json", "no_spawn", "at")
SHELLS = ("bash", "zsh", "fish")


@attrs.frozen
class Command:
    """What was asked for.

    Args:
        where: `module:function` in `jelmored.client.commands`.
        options: the function's keyword arguments.
        at: the directory to do it in; None: the current one.
    """

    where: str
    options: dict[str, Any]
    json: bool
    spawn: bool
    at: str | None = None


def parse(argv: Sequence[str]) -> Command:
    """Ends the program with exit code 2 and a usage line when they make no sense, as argparse does."""
    parser = command_line()
    given = vars(parser.parse_args(options_first(parser, argv)))
    options = {name: value for name, value in given.items() if name not in GLOBAL}
    return Command(
        given["where"],
        options,
        json=given.get("json", False),
        spawn=not given.get("no_spawn", False),
        at=given.get("at"),
    )


def command_line() -> argparse.ArgumentParser:
    """All that `jelmore` takes: what parses it, explains it and completes it."""
    shared = _shared()
    parser = argparse.ArgumentParser(
        prog="jelmore",
        description=ABOUT,
        epilog="exit codes:\n" + "\n".join(f"  {code.value:>3}  {words}" for code, words in MEANING.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"jelmore {__version__}")
    parser.set_defaults(where="overview:overview")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, where: str, words: str, *, to: Any = commands) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = to.add_parser(name, help=words, description=words, parents=[shared])
        command.set_defaults(where=where)
        return command

    _conversations(add)
    _approvals(add)
    _sessions(add)
    _changes(add)
    _states(add)
    _providers(add)
    _daemon(add)
    return parser


Add = Callable[..., argparse.ArgumentParser]


def _shared() -> argparse.ArgumentParser:
    """They may stand before the command or after it."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="values for programs instead of words for people")
    shared.add_argument("--no-spawn", action="store_true", help="start no daemon when none runs")
    shared.add_argument(
        "-C", "--directory", dest="at", metavar=Operand.DIRECTORY, help="as if it was given in this directory"
    )
    return shared


def _conversations(add: Add) -> None:
    run = add("run", "conversations:run", "a new session with this prompt, watched until its turn ends")
    run.add_argument("-n", "--name", help="the session's name")
    run.add_argument("-d", "--detach", action="store_true", help="leave it in the background")
    run.add_argument("--provider", metavar=Operand.PROVIDER, help="where to begin")
    run.add_argument(
        "-e",
        "--env",
        metavar="NAME[=VALUE]",
        action="append",
        default=[],
        help="a variable for the agent, of those that the daemon's sessions.forward_env names; without a value that of "
        "this shell. Those of them that are set here go along anyway; may be repeated",
    )
    run.add_argument("--require", metavar=WANTED, type=requirements, help=f"whom to choose: {WORDS}")
    _begun(run)
    _limited(run)
    _included(run)
    _answered(run)
    run.add_argument("prompt", nargs="?", metavar="PROMPT", help="- or none: what stands on stdin")

    send = add("send", "conversations:send", "say something more to a session")
    _session(send)
    send.add_argument("-f", "--follow", action="store_true", help="watch until the turn ends")
    busy = send.add_mutually_exclusive_group()
    busy.add_argument(
        "--when-busy",
        default="queue",
        choices=["queue", "steer", "interrupt", "refuse"],
        help="what if a turn runs; without it the prompt waits",
    )
    busy.add_argument(
        "--steer",
        dest="when_busy",
        action="store_const",
        const="steer",
        help="into the turn that runs: the agent reads it at its next step",
    )
    _included(send)
    _answered(send)
    send.add_argument("prompt", metavar="PROMPT", help="- for what stands on stdin")

    attach = add("attach", "conversations:attach", "watch a session and take part; Ctrl-D leaves, the turn goes on")
    _session(attach)


_MODES = "what is answered without asking: " + ", ".join(PermissionMode)


def _limited(command: argparse.ArgumentParser) -> None:
    """What a session may take; 0 lifts a limit."""
    command.add_argument("--max-turns", type=number, metavar="N", help="calls of the model in one turn; 0: any")
    command.add_argument("--max-cost", type=amount, metavar="USD", help="of the whole session; 0: as configured")
    command.add_argument(
        "--turn-seconds",
        type=amount,
        metavar="S",
        help="of one turn, without what it waits for a person; 0: any",
    )


def _included(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-i",
        "--include",
        metavar=Operand.FILE,
        action="append",
        default=[],
        help="send this file along: an image, a PDF, or one for the agent to read; may be repeated. "
        "@FILE in the prompt does the same, and so does the path of an image or a PDF",
    )


def _begun(command: argparse.ArgumentParser) -> None:
    """How a new session begins."""
    command.add_argument("-m", "--model", metavar=Operand.MODEL, help="as the provider names it")
    _permission_mode(command)


def _permission_mode(command: argparse.ArgumentParser) -> None:
    command.add_argument("--permission-mode", metavar="MODE", choices=list(map(str, PermissionMode)), help=_MODES)


def _answered(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p", "--print", dest="answer", action="store_true", help="the answer on stdout, the rest on stderr"
    )
    command.add_argument(
        "--approve",
        choices=["all", "reads", "none"],
        help="answer approvals beforehand; without it and without a terminal they are denied",
    )


def _approvals(add: Add) -> None:
    add("next", "approvals:next_approval", "what waits for you, of all sessions, one after the other; a key answers")

    approve = add("approve", "approvals:approve", "allow what is asked")
    which = approve.add_mutually_exclusive_group()
    which.add_argument("--always", action="store_true", help="from now on, in this session")
    which.add_argument("--option", metavar="ID", help="another of its answers, by its id")
    instead = approve.add_mutually_exclusive_group()
    instead.add_argument("--edit", metavar="COMMAND", help="allow this command instead of the one that is asked")
    instead.add_argument("--input", metavar="JSON", help="allow it with this input, whole, instead of its own")
    _approval(approve)

    deny = add("deny", "approvals:deny", "reject what is asked")
    deny.add_argument("--interrupt", action="store_true", help="and end the turn")
    _approval(deny)

    answer = add("answer", "approvals:answer", "answer an agent's questions")
    answer.add_argument(
        "--question",
        action="append",
        default=[],
        metavar="ID=LABEL[,LABEL]",
        help="of several questions, the one that is answered; once for each",
    )
    answer.add_argument("--free", action="store_true", help="words of your own are meant where no option fits")
    answer.add_argument("-m", "--message", help="tell the agent more beside it")
    answer.add_argument("target", metavar=Operand.APPROVAL, help=f"an approval's id, or {SESSION.partition(';')[0]}")
    answer.add_argument("labels", nargs="*", metavar="LABEL", help="an option, or its unique beginning")


def _approval(command: argparse.ArgumentParser) -> None:
    command.add_argument("-m", "--message", help="tell the agent why")
    command.add_argument("target", nargs="?", metavar=Operand.APPROVAL, help=f"an approval's id, or {SESSION}")


def _sessions(add: Add) -> None:
    ls = add("ls", "sessions:ls", "the sessions, latest activity first")
    ls.add_argument("-a", "--all", action="store_true", help="archived ones too")
    ls.add_argument("-q", "--quiet", action="store_true", help="only their ids")

    logs = add("logs", "logs:logs", "what has happened in a session")
    _session(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="and what goes on")
    logs.add_argument("-n", "--number", type=count, help="only so many events")

    _session(wait := add("wait", "sessions:wait", "until a session is idle, or asks something"))
    wait.add_argument("--for", dest="what", default="idle", choices=["idle", "input"], help="what is waited for")
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer")

    _session(stop := add("interrupt", "sessions:interrupt", "end the turn that runs"))
    stop.add_argument("--keep-queue", action="store_true", help="prompts that wait stay")

    _session(queue := add("queue", "waiting:queue", "the prompts that wait for the turn to end"))
    queue.add_argument("--drop", metavar="ID", help="take this one out")
    _session(tasks := add("tasks", "waiting:tasks", "what the agent left running in the background"))
    tasks.add_argument("--stop", metavar="ID", help="end this one")

    usage = add("usage", "usage:usage", "tokens and cost: by session, provider, model or day, and in all")
    usage.add_argument("--by", choices=list(map(str, UsageKey)), help="without it: by session, and by provider")
    usage.add_argument("--since", type=day, metavar="DAYS", help="7d: the last seven days; or a date, 2026-11-27")
    usage.add_argument("-a", "--all", action="store_true", help="every session, not only those that cost the most")
    usage.add_argument("session", nargs="?", metavar=Operand.SESSION, help="only this one")


def _changes(add: Add) -> None:
    change = add("set", "changes:change", "change a session: its model, how much it asks, its name")
    _session(change)
    change.add_argument("--model", metavar=Operand.MODEL, help="from the next turn on")
    _permission_mode(change)
    change.add_argument("--name", help="what it goes by")
    change.add_argument("--title", help="what it is about")
    _limited(change)
    change.add_argument("--pin", action=argparse.BooleanOptionalAction, help="it stays with its provider")

    _session(add("compact", "changes:compact", "have the agent sum up what was said, to make room"))

    fork = add("fork", "changes:fork", "a new session that knows what was said in this one")
    _session(fork)
    fork.add_argument("-n", "--name", help="the new session's name")
    fork.add_argument(
        "--at", dest="at_seq", type=count, metavar="SEQ", help="up to this event only (see `logs --json`)"
    )
    fork.add_argument("-d", "--detach", action="store_true", help="do not attach to it")
    _begun(fork)

    move = add("move", "changes:move", "take a session to another provider, with its conversation")
    _session(move)
    move.add_argument("--to", dest="provider", metavar=Operand.PROVIDER, help="this one; else the best other one")
    move.add_argument("--model", metavar=Operand.MODEL, help="what to run there; else the same, or an equivalent")
    move.add_argument("--dry-run", action="store_true", help="only show what the agent there would be told")

    _session(add("archive", "changes:archive", "end a session; its log stays, and `resume` opens it again"))
    rm = add("rm", "changes:remove", "delete archived sessions, their logs too")
    rm.add_argument("sessions", nargs="+", metavar=Operand.ARCHIVED, help=SESSION.partition(";")[0])


def _states(add: Add) -> None:
    stop = add("stop", "states:stop", "suspend a session: its agent ends, and nothing begins until you say so")
    _session(stop)
    _output(stop, "keep its state in this file, to go on elsewhere; with --json it goes to stdout")

    resume = add("resume", "states:resume", "take a session up again: suspended, failed or archived")
    _session(resume)
    resume.add_argument(
        "--state", metavar=Operand.FILE, help="one of another daemon, by its state as `stop` kept it; -: stdin"
    )
    resume.add_argument("--provider", metavar=Operand.PROVIDER, help="go on there; else where it was")
    which = resume.add_mutually_exclusive_group()
    which.add_argument(
        "--accept-foreign",
        dest="foreign",
        action="store_const",
        const="accept",
        help="what somebody else has said in the agent's own session counts",
    )
    which.add_argument(
        "--discard-foreign",
        dest="foreign",
        action="store_const",
        const="discard",
        help="it does not: the agent begins anew, told what was said here",
    )

    export = add("export", "states:export", "a session with all that has happened, as JSON lines for `import`")
    _session(export)
    _output(export, "into this file; else to stdout")

    taken = add("import", "states:import_", "a session of another daemon, or an agent's own past sessions")
    taken.add_argument("--provider", metavar=Operand.PROVIDER, help="go on there; else where it was")
    taken.add_argument(
        "--from", dest="source", metavar=Operand.PROVIDER, help="an agent's own; without an id they are listed"
    )
    taken.add_argument("--all", dest="every", action="store_true", help="with --from: all of them")
    taken.add_argument(
        "what", nargs="*", metavar=Operand.FILE, help="what `export` gave, -: stdin; with --from, the agent's own ids"
    )


def _output(command: argparse.ArgumentParser, words: str) -> None:
    command.add_argument("-o", "--output", metavar=Operand.FILE, help=words)


def _providers(add: Add) -> None:
    providers = add("providers", "providers:providers", "who can answer, how they are, what to do about it")
    which = providers.add_mutually_exclusive_group()
    which.add_argument("--check", action="store_true", help="look now, free of charge")
    which.add_argument(
        "--for",
        dest="wanted",
        metavar=WANTED,
        type=requirements,
        help=f"who would be chosen, and why; nothing starts: {WORDS}",
    )
    verbs = providers.add_subparsers(title="commands", metavar="COMMAND")
    for verb, words in (
        ("restart", "end its agents and its server, start again"),
        ("drain", "start no more agents there; turns in hand end"),
        ("undrain", "start agents there again"),
    ):
        govern = add(verb, "providers:govern", words, to=verbs)
        govern.set_defaults(verb=verb)
        govern.add_argument("provider", metavar=Operand.PROVIDER, help="its name")
    models = add("models", "providers:models", "the models on offer; prices for a million tokens")
    models.add_argument("--provider", metavar=Operand.PROVIDER, help="only of this one")


def _daemon(add: Add) -> None:
    add("status", "daemons:status", "how the daemon is")
    daemon = add("daemon", "daemons:status", "start and stop the daemon, read its log")
    verbs = daemon.add_subparsers(title="commands", metavar="COMMAND")
    start = add("start", "daemons:start", "start it in the background", to=verbs)
    start.add_argument("--config", metavar=Operand.FILE, help="its configuration")
    stop = add("stop", "daemons:stop", "stop it; sessions stay", to=verbs)
    stop.add_argument("--grace", type=amount, metavar="S", help="seconds that turns have to end; else as configured")
    restart = add("restart", "restarting:restart", "end it and start it again; sessions stay", to=verbs)
    restart.add_argument("--grace", type=amount, metavar="S", help="seconds that turns have to end; else as configured")
    add("reload", "daemons:reload", "read the configuration again; no session is ended", to=verbs)
    drain = add("drain", "daemons:drain", "begin no turns; those that run end, prompts wait", to=verbs)
    drain.add_argument("--wait", action="store_true", help="until no turn runs")
    add("undrain", "daemons:undrain", "begin turns again, first with what has waited", to=verbs)
    install = add("install", "installing:install", "let systemd run it, now and at every start", to=verbs)
    _installed(install)
    install.add_argument("--socket", action="store_true", help="start it only when somebody connects")
    _installed(add("uninstall", "installing:uninstall", "undo `install`; sessions stay", to=verbs))
    logs = add("logs", "daemons:logs", "what it has said", to=verbs)
    logs.add_argument("-f", "--follow", action="store_true", help="and what it goes on to say")
    logs.add_argument("-n", "--number", type=count, default=50, help="so many lines")
    doctor = add("doctor", "doctor:doctor", "what is wrong here, and what to do about it")
    doctor.add_argument("--config", metavar=Operand.FILE, help="look at this configuration instead of the usual one")
    doctor.add_argument(
        "--bundle", metavar=Operand.FILE, help="make this file (.tar.gz) for a bug report, without secrets"
    )
    _configuration(add)
    add("connect", "connect:connect", "stdin lines to frames and back, for programs without WebSocket")
    completion = add("completion", "completion:script", "a script for your shell, so that TAB completes all of this")
    completion.add_argument("of", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _installed(command: argparse.ArgumentParser) -> None:
    """Whose service it is."""
    whose = command.add_mutually_exclusive_group()
    whose.add_argument("--user", dest="system", action="store_false", help="yours alone; so it is without any of these")
    whose.add_argument(
        "--system", dest="system", action="store_true", help="the machine's, with a user of its own; by root"
    )
    command.set_defaults(system=False)
    command.add_argument("--dry-run", action="store_true", help="only show what would be done")


def _configuration(add: Add) -> None:
    config = add("config", "configuration:show", "the configuration: what counts, is it right, change it")
    verbs = config.add_subparsers(title="commands", metavar="COMMAND")
    show = add("show", "configuration:show", "what the daemon that runs goes by, or one that is started now", to=verbs)
    show.add_argument("--origins", action="store_true", help="where each value was said, and when a change counts")
    show.add_argument("key", nargs="?", default="", metavar="KEY", help="only this one, or this table")
    check = add("check", "configuration:check", "is it right? Every fault is told, with its line", to=verbs)
    check.add_argument("--config", metavar=Operand.FILE, help="this file instead of the usual ones")
    change = add("set", "configuration:change", "change a setting in your file; its comments stay", to=verbs)
    change.add_argument("key", metavar="KEY", help="as in a file, with its table: sessions.hibernate_after")
    change.add_argument("value", metavar="VALUE", help="as in a file; a bare word is a string")
    unset = add("unset", "configuration:change", "take a setting out of your file", to=verbs)
    unset.set_defaults(value=None)
    unset.add_argument("key", metavar="KEY", help="as in a file, with its table")


def _session(command: argparse.ArgumentParser) -> None:
    command.add_argument("session", nargs="?", metavar=Operand.SESSION, help=SESSION)
