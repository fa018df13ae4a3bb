"""The `config` command of the daemon's program: what the configuration says, is it right, and a change of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from jelmored.config import editing
from jelmored.config.documents import parsed
from jelmored.config.effect import Counts
from jelmored.config.flags import key_of, value_from
from jelmored.config.loading import user_directory
from jelmored.config.sources import DEFAULT, Sources
from jelmored.errors import ConfigError
from jelmored.wire import codec
from jelmored.wire.messages import EffectiveSettings, Setting

VERBS = {
    "show": "what a daemon that is started now would go by",
    "check": "is the configuration right? Every fault is told",
    "set": "change a setting in your file; its comments stay",
    "unset": "take a setting out of your file: it has its default, or what another file says",
}

WORDS = {
    Counts.LIVE: "it counts after `jelmore daemon reload`",
    Counts.NEXT_RUN: "after `jelmore daemon reload` it counts for agents that are started from then on",
    Counts.RESTART: "it counts from the next start of the daemon on",
}

Say = Callable[[str], None]


def show(sources: Sources, say: Say, *, key: str = "", as_json: bool = False, origins: bool = False) -> None:
    """What a daemon that is started now would go by.

    Raises:
        ConfigError: there are faults, or there is no such key.
    """
    from jelmored.client.commands.configuration import lines, of

    settings = tuple(
        Setting(key=entry.name, value=entry.shown, origin=entry.origin, counts=entry.counts.value)
        for entry in sources.read().entries().values()
    )
    found = of(settings, key)
    if not found:
        raise ConfigError([f"there is no setting {key!r}"])
    if as_json:
        say(codec.encode(EffectiveSettings(settings=found)).decode())
    else:
        say("\n".join(lines(found, origins=origins)))


def change(sources: Sources, say: Say, name: str, value: str | None) -> None:
    """Set a key in the user's file, or in the one that is read instead; None: unset it. What comes of it is checked
    with all the rest before it is written.

    Raises:
        ConfigError: it would have faults; nothing is written.
        PlaceError: the file can't be written.
    """
    file = sources.file or user_directory(sources.environ) / "config.toml"
    try:
        key = key_of(name)
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from None
    text = editing.read_text(file)
    fresh = editing.without_value(text, key) if value is None else editing.with_value(text, key, value_from(value))
    read = sources.read(parsed(file, fresh))
    editing.write(file, fresh)
    entries = [entry for at, entry in read.entries().items() if at[: len(key)] == key]
    counts = entries[0].counts if entries else Counts.RESTART
    say(f"{file}: {name} {'is not set any more' if value is None else 'is set'}; {WORDS[counts]}")
    if value is not None:
        for entry in entries:
            if not entry.origin.startswith((f"{file}:", DEFAULT)):
                say(f"but {entry.origin} says otherwise, and wins")


def parser() -> argparse.ArgumentParser:
    """Of what stands behind `jelmored config`."""
    made = argparse.ArgumentParser(prog="jelmored config", allow_abbrev=False)
    made.set_defaults(command="config")
    verbs = made.add_subparsers(dest="verb", required=True, metavar=" | ".join(VERBS))
    for verb, words in VERBS.items():
        one = verbs.add_parser(verb, help=words, description=words, allow_abbrev=False)
        add_sources(one)
        if verb in ("set", "unset"):
            one.add_argument("key", metavar="KEY", help="as in a file, with its tables: sessions.hibernate_after")
        if verb == "set":
            one.add_argument("value", metavar="VALUE", help="as in a file; a bare word is a string")
        if verb == "show":
            one.add_argument("key", nargs="?", default="", metavar="KEY", help="only this one, or this table")
            one.add_argument("--json", action="store_true", help="for programs")
            one.add_argument("--origins", action="store_true", help="where each value was said, and when it counts")
    return made


def add_sources(command: argparse.ArgumentParser) -> None:
    """Arguments that say where the configuration comes from."""
    command.add_argument("--config", type=Path, metavar="F", help="read this file instead of the usual ones")
    command.add_argument(
        "--set",
        action="append",
        dest="settings",
        default=[],
        metavar="KEY=VALUE",
        help="a setting, above files and environment: sessions.hibernate_after=60; may be repeated",
    )
