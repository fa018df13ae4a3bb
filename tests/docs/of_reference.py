"""What the pages of reference take from the code: statuses, errors, exit codes, settings, how claude is started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import attrs

from jelmored import cli, errors
from jelmored.client import exits
from jelmored.client.terminal import desk
from jelmored.config import environment
from jelmored.config.checks import Such, key_of
from jelmored.config.documents import dotted
from jelmored.config.effect import counts
from jelmored.config.providers import ClaudeSettings, DemoSettings, OpencodeSettings
from jelmored.config.settings import Settings
from jelmored.domain.failures import CLASS_OF
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import Facts
from jelmored.domain.status import TRANSITIONS, Status
from jelmored.errors import RETRYABLE, ErrorKind
from jelmored.process.environment import PASSED, PASSED_PREFIXES
from jelmored.providers.base import SessionConfig
from jelmored.providers.claude.failures import INSTALL, REMEDIES
from jelmored.providers.claude.launch import launch_of, own_environment

from .pages import ROOT, Block, Table, Text
from .words import hint_words

SETTINGS = ROOT / "etc" / "jelmored.toml"


def blocks() -> Mapping[str, Block]:
    return {
        "statuses": Table(("status", ""), tuple((f"`{status}`",) for status in Status)),
        "diagram": Text(tuple(_diagram())),
        "transitions": Table(("from", "step", "to"), tuple(_transitions()), words=False),
        "errors": Table(("kind", "code", "retryable", "a run ends as", ""), tuple(map(_error, ErrorKind)), words=False),
        "exceptions": Text(("```", *_exceptions(), "```")),
        "exits of jelmored": Table(
            ("code", ""), tuple((str(int(code)), code.meaning) for code in cli.Exit), words=False
        ),
        "exits of jelmore": Table(
            ("code", ""), tuple((str(int(code)), exits.MEANING[code]) for code in exits.Exit), words=False
        ),
        "keys": Text(("```text", *desk.HELP.rstrip("\n").split("\n"), "```")),
        "short names": Table(("variable", "key"), tuple(_short_names()), words=False),
        "settings": _settings(Settings, ()),
        "settings of claude": _settings(ClaudeSettings, ("providers", "claude")),
        "settings of opencode": _settings(OpencodeSettings, ("providers", "opencode")),
        "settings of demo": _settings(DemoSettings, ("providers", "demo")),
        "inherited": Text((", ".join(f"`{name}`" for name in _inherited()),)),
        "flags": Text(("```", *_flags(), "```")),
        "environment of claude": Text(("```", *_pairs(own_environment(ClaudeSettings())), "```")),
        "failures": Table(("kind", "remedy", "with claude"), tuple(_failures())),
    }


# Statuses


def _diagram() -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2", f"    [*] --> {attrs.fields(Facts).status.default}")
    for (status, step), after in TRANSITIONS.items():
        yield f"    {status} --> {after}: {step}"
    yield from (f"    {Status.TERMINATED} --> [*]", "```")


def _transitions() -> Iterator[tuple[str, ...]]:
    for (status, step), after in TRANSITIONS.items():
        yield f"`{status}`", step, f"`{after}`"


# Errors


def _error(kind: ErrorKind) -> tuple[str, ...]:
    return f"`{kind}`", str(kind.code), "yes" if kind in RETRYABLE else "no", CLASS_OF.get(kind, "–"), kind.meaning


def _exceptions() -> list[str]:
    """The tree, as the module draws it."""
    drawn = (errors.__doc__ or "").splitlines()
    return drawn[drawn.index("JelmoreError") :]


def _failures() -> Iterator[tuple[str, str]]:
    known = {**REMEDIES, ErrorKind.NOT_INSTALLED: INSTALL}
    for kind in CLASS_OF:
        yield f"`{kind}`", known.get(kind, "–")


# Settings


def _short_names() -> Iterator[tuple[str, ...]]:
    yield from ((f"`{name}`", f"`{dotted(key)}`") for name, key in environment.SHORT.items())


def _settings(cls: type, table: tuple[str, ...]) -> Table:
    return Table(("key", "value", "default", "counts", ""), tuple(_keys(cls, table)), words=False)


def _keys(cls: type, table: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    hints = get_type_hints(cls, include_extras=True)
    for field in sorted(attrs.fields(cls), key=lambda field: field.name != "type"):  # attrs: what is inherited first
        key = (*table, key_of(field.name))
        if attrs.has(hints[field.name]):
            yield from _keys(hints[field.name], key)
        elif key != ("providers",):
            shown = ".".join(key[len(table) if table[:1] == ("providers",) else 0 :])
            yield (
                f"`{shown}`",
                _value(hints[field.name]),
                f"`{_toml(field.default)}`",
                counts(key, table[-1] if table else ""),
                _said_of(key),
            )


def _value(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        kind, bounds = get_args(hint)
        words = hint_words(kind)
        return f"`{words}` {bounds}" if isinstance(bounds, Such) else f"{words} {bounds}"
    return f"`{hint_words(hint)}`"


def _toml(default: Any) -> str:
    match default:
        case bool():
            return str(default).lower()
        case str():
            return f'"{default}"'
        case tuple():
            return f"[{', '.join(map(_toml, default))}]"
        case int() | float():
            return f"{default:g}"
        case _:
            return "{}"


def _said_of(key: tuple[str, ...]) -> str:
    """What the settings' file says of a key, above it; of demo's what it says of claude's."""
    said = _comments()
    return said.get(key) or said[("providers", "claude", key[-1])]


def _comments() -> Mapping[tuple[str, ...], str]:
    """The comment above each key. An example is indented there."""
    found: dict[tuple[str, ...], str] = {}
    table: tuple[str, ...] = ()
    above: list[str] = []
    for line in SETTINGS.read_text("utf-8").splitlines():
        if line.startswith("["):
            table = tuple(line.strip("[]").split("."))
        elif line.startswith("#"):
            words = line.removeprefix("#").strip()
            above.append(f"`{words}`" if line.startswith("#  ") else words)
            continue
        elif pair := re.match(r"(\w+) =", line):
            found[*table, pair[1]] = " ".join(above)
        above = []
    return {key: words for key, words in found.items() if words}


# claude


def _inherited() -> list[str]:
    return [*sorted(PASSED), *(f"{prefix}*" for prefix in PASSED_PREFIXES)]


def _flags() -> Iterator[str]:
    config = SessionConfig(session_id=SessionId(""), cwd="/", directories=("DIRECTORY",), max_turns=1)
    launch = launch_of("claude", ClaudeSettings(), config, env={"HOME": "/home/you"})
    line = " ".join(launch.argv).replace(launch.native_id, "UUID").replace("--max-turns 1", "--max-turns N")
    head, *flags = re.split(r" (?=-)", line)
    yield head
    yield from (f"    {flag}" for flag in flags)


def _pairs(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]
