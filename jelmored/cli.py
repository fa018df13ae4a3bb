"""The daemon's command: arguments to settings and places, then the daemon until it is stopped, then an exit code."""

from __future__ import annotations

import argparse
import contextlib
import enum
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import trio

from jelmored import __version__, configuring, limits, logs
from jelmored.config import catalogue, flags, places
from jelmored.config.documents import Document
from jelmored.config.environment import PREFIX
from jelmored.config.sources import Configuration, Sources
from jelmored.control import tokening
from jelmored.control.tokens import TokenFiles
from jelmored.domain.catalogue import Catalogue
from jelmored.errors import AlreadyRunning, ConfigError, JelmoreError, JournalError, PlaceError, leaves
from jelmored.providers import registry
from jelmored.secrecy import Secrets
from jelmored.service.handed import Handed, take


class Exit(enum.IntEnum):
    """How the program ends; systemd and `jelmore` tell failures apart by it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "it was stopped, or there was nothing else to do"
    FAILED = (
        1,
        "it gave up: something failed more often than it may, or the program itself is at fault; "
        "of `doctor`: something needs you",
    )
    USAGE = 2, "the arguments are wrong"
    CONFIG = 3, "the configuration is wrong; every fault is named"
    RUNNING = 4, "another daemon runs in this runtime directory"
    JOURNAL = 5, "the journal can't be opened or written, or another daemon has the state directory"
    PLACE = 6, "the state or the runtime directory can't be used"


EXITS: Mapping[type[JelmoreError], Exit] = {
    ConfigError: Exit.CONFIG,
    AlreadyRunning: Exit.RUNNING,
    JournalError: Exit.JOURNAL,
    PlaceError: Exit.PLACE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. What is no `JelmoreError` is a fault of the program and passes."""
    words = sys.argv[1:] if argv is None else argv
    own = _OWN.get(words[0]) if words else None
    options = own().parse_args(words[1:]) if own else _parser().parse_args(words)
    status = Exit.OK
    try:
        status = _COMMANDS[options.command](options) or Exit.OK
    except* JelmoreError as failed:
        status = _told(list(leaves(failed)))
    return status


def _serve(options: argparse.Namespace) -> None:
    handed = take(os.environ)
    sources = _sources(options)
    configuration, models = sources.read(), _catalogue(sources)
    where = places.find(state=options.state_dir, runtime=options.runtime_dir)
    secrets = Secrets(configuration.settings.secrets())
    logs.configure(options.log_level, secrets=secrets)
    limits.raise_open_files()
    limits.forbid_cores()
    where.prepare(shared=bool(configuration.settings.control.allow_users))
    trio.run(_live, configuration, models, where, handed, secrets, _again(options))


async def _live(
    configuration: Configuration,
    models: Catalogue,
    where: places.Places,
    handed: Handed,
    secrets: Secrets,
    again: Sequence[str],
) -> None:
    from jelmored.daemon import serve  # what it needs is not needed to say what is wrong with the configuration

    def announce(notice: Mapping[str, Any]) -> None:
        where.publish({**notice, "options": again})
        _ready(notice)

    async with where.held():
        await serve(configuration, models, where, announce=announce, handed=handed, secrets=secrets)


def _again(options: argparse.Namespace) -> Sequence[str]:
    """The arguments, but for the places, with which a daemon that is to be like this one is started."""
    words = ["--log-level", options.log_level.value]
    if options.config is not None:
        words += ["--config", os.path.abspath(options.config)]
    if options.tcp is not None:
        words += ["--tcp", options.tcp]
    return [*words, *(word for setting in options.settings for word in ("--set", setting))]


def _ready(notice: Mapping[str, Any]) -> None:
    """The line that whoever started us waits for, if it still does."""
    line = {"ready": True, "pid": os.getpid(), "url": f"ws+unix://{notice['socket']}:/v1"}
    with contextlib.suppress(OSError):
        _say(orjson.dumps(line).decode())


def _check_config(options: argparse.Namespace) -> None:
    sources = _sources(options)
    configuration = sources.read()
    _say(f"read: {', '.join(map(str, sources.files)) or 'no file: everything has its default'}")
    for entry in configuration.entries().values():
        if entry.origin.startswith((PREFIX, flags.PLACE)):
            _say(f"{entry.origin}: {entry.name}")
    for name, provider in configuration.settings.providers.items():
        note = "" if provider.named else ", there by itself"
        _say(f"provider: {name} (type {provider.type}{note})")
    _say(f"models: {len(_catalogue(sources).entries)} in the catalogue")


def _config(options: argparse.Namespace) -> None:
    sources = _sources(options)
    match options.verb:
        case "show":
            configuring.show(sources, _say, key=options.key, as_json=options.json, origins=options.origins)
        case "check":
            _check_config(options)
        case "set":
            configuring.change(sources, _say, options.key, options.value)
        case _:
            configuring.change(sources, _say, options.key, None)


def _drain(options: argparse.Namespace) -> None:
    where = places.find(state=options.state_dir, runtime=options.runtime_dir)
    trio.run(_quiet, where)


async def _quiet(where: places.Places) -> None:
    """Ask the daemon that lives there for quiet, and wait for it."""
    from jelmored.client.commands import daemons
    from jelmored.client.shell import Shell

    environ = {**os.environ, "JELMORE_SOCKET": str(where.socket)}
    shell = Shell(environ=environ, cwd=os.sep, stdin=sys.stdin, out=sys.stdout, err=sys.stderr)
    await daemons.drain(shell, wait=True)


def _doctor(options: argparse.Namespace) -> Exit:
    from jelmored.client.shell import Shell
    from jelmored.doctor import bundle, report
    from jelmored.doctor.examination import examine
    from jelmored.doctor.findings import sound
    from jelmored.doctor.scene import look

    where = places.find(state=options.state_dir, runtime=options.runtime_dir)
    scene = trio.run(look, where, options.config, os.environ)
    findings = examine(scene)
    shell = Shell(environ=os.environ, cwd=os.getcwd(), stdin=sys.stdin, out=sys.stdout, err=sys.stderr)
    if options.json:
        shell.give({"findings": findings, "sound": sound(findings)})
    else:
        shell.paint(list(report.spans(findings)))
    if options.bundle:
        try:
            bundle.write(options.bundle, scene, findings)
        except OSError as error:
            raise PlaceError(f"{options.bundle} can't be written: {error.strerror}") from error
        shell.note(f"{options.bundle} has what a bug report needs; no secret, prompt or answer is in it")
    return Exit.OK if sound(findings) else Exit.FAILED


def _openrpc(options: argparse.Namespace) -> None:
    from jelmored.control.methods import document

    _say(orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode())


def _sources(options: argparse.Namespace) -> Sources:
    """The port of the arguments wins."""
    tcp = getattr(options, "tcp", None)
    return Sources(
        config=options.config,
        environ=os.environ,
        flags=options.settings,
        above=() if tcp is None else (Document("--tcp", {"control": {"tcp": tcp}}),),
        kinds=registry.settings_classes(),
    )


def _token(options: argparse.Namespace) -> None:
    files = TokenFiles(places.find(state=options.state_dir).tokens)
    asked = tokening.Asked(files=files, name=options.name, scope=options.scope, say=_say)
    tokening.ACTIONS[options.action](asked)


def _catalogue(sources: Sources) -> Catalogue:
    return catalogue.load(catalogue.files(sources.file))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _told(failed: Sequence[BaseException]) -> Exit:
    error_sign = "<3>" if logs.leads_to_journal(sys.stderr) else ""
    for error in failed:
        for line in str(error).splitlines():
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{error_sign}jelmored: {line}\n")
    causes = (cause for error in failed for cause in _causes(error))
    known = (EXITS[kind] for cause in causes for kind in EXITS if isinstance(cause, kind))
    return next(known, Exit.FAILED)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """What gave up is not what failed: that is its cause."""
    while error is not None:
        yield from leaves(error)
        error = error.__cause__


COMMANDS = (
    "serve, if nothing is said; drain: ask the daemon that runs for quiet, and wait until no turn is in hand; "
    "doctor: what is wrong here, and what to do; token, config: see `jelmored token --help`, `jelmored config --help`"
)
_COMMANDS: Mapping[str, Callable[[argparse.Namespace], Exit | None]] = {
    "serve": _serve,
    "check-config": _check_config,
    "openrpc": _openrpc,
    "drain": _drain,
    "doctor": _doctor,
    "config": _config,
    "token": _token,
}

_OWN: Mapping[str, Callable[[], argparse.ArgumentParser]] = {"token": tokening.parser, "config": configuring.parser}
"""Commands with arguments of their own."""


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {status.value}  {status.meaning}" for status in Exit)
    parser = argparse.ArgumentParser(
        prog="jelmored",
        description="The daemon that owns your coding-agent sessions. It stays in the foreground and logs to stderr.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", choices=_COMMANDS, default="serve", help=COMMANDS)
    configuring.add_sources(parser)
    parser.add_argument("--state-dir", type=Path, metavar="D", help="where the journal is")
    parser.add_argument("--runtime-dir", type=Path, metavar="D", help="where the socket is")
    parser.add_argument("--tcp", metavar="127.0.0.1:PORT", help="a port on loopback as well; 0: any that is free")
    parser.add_argument(
        "--log-level", type=logs.Level, metavar="L", default=logs.Level.INFO, help=", ".join(logs.Level)
    )
    parser.add_argument("--json", action="store_true", help="doctor: for programs")
    parser.add_argument("--bundle", type=Path, metavar="F.tar.gz", help="doctor: make a file for a bug report")
    parser.add_argument("--version", action="version", version=f"jelmored {__version__}")
    return parser
