"""Configuration as it was written, in files and elsewhere: what each document says, and where each key stands in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from jelmored.errors import ConfigError

from . import lines
from .lines import Key

LARGEST = 1024 * 1024
"""Bytes of a file: more is no configuration."""
DEEPEST = 32
"""Tables and arrays in each other."""

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@attrs.frozen
class Document:
    """`name`: of the file, or of what else it is. `tree`: nested tables. `places`: where a key stands, `FILE:LINE`."""

    name: str
    tree: Mapping[str, Any]
    places: Mapping[Key, str] = attrs.field(factory=dict)

    def place(self, key: Key) -> str | None:
        """Where the key, or the nearest table around it, was written; None if it is not in this document."""
        if not _has(self.tree, key):
            return None
        known = (self.places[key[:length]] for length in range(len(key), 0, -1) if key[:length] in self.places)
        return next(known, self.name)


def read(file: Path) -> Document:
    """TOML, or JSON if the name says so.

    Raises:
        ConfigError: it can't be read or is neither; with the line, as far as the parser tells.
    """
    return parsed(file, text_of(file))


def parsed(file: Path, text: str) -> Document:
    """The same of what is to stand in the file.

    Raises:
        ConfigError: it is no configuration.
    """
    is_json = file.suffix == ".json"
    try:
        tree = orjson.loads(text) if is_json else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([f"{file}{_told(error, text)}"]) from error
    except RecursionError:
        raise ConfigError([f"{file}: {_TOO_DEEP}"]) from None
    if not isinstance(tree, dict):
        raise ConfigError([f"{file}: expected a table of settings"])
    if too_deep(tree):
        raise ConfigError([f"{file}: {_TOO_DEEP}"])
    found = lines.of_json(text) if is_json else lines.of_toml(text)
    return Document(str(file), tree, {key: f"{file}:{line}" for key, line in found.items()})


def value_of(text: str) -> Any:
    """A value by itself, as it would stand behind a key: of TOML, or of JSON.

    Raises:
        ValueError: it is neither.
    """
    try:
        tree = tomllib.loads(f"value = {text}")
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError:
        tree = {"value": orjson.loads(str(text))}  # it takes no other kind of string
    if list(tree) != ["value"]:  # a second line, with a key of its own
        raise ValueError("more than one value")
    if too_deep(tree):
        raise ValueError(_TOO_DEEP)
    return tree["value"]


def merged(documents: Sequence[Document]) -> dict[str, Any]:
    """Tables are merged key by key; any other value of a later document replaces that of an earlier one."""
    tree: dict[str, Any] = {}
    for document in documents:
        tree = overlaid(tree, document.tree)
    return tree


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables as one, table by table; for anything else the word of `above` counts."""
    both = {
        key: overlaid(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return {**below, **both}


def dotted(key: Key) -> str:
    """A key as it is written: what needs quotes has them."""
    return ".".join(part if _BARE.fullmatch(part) else orjson.dumps(part).decode() for part in key)


_TOO_DEEP = f"tables and arrays are in each other more than {DEEPEST} deep"


def too_deep(tree: Any) -> bool:
    """What goes through a tree may go as deep as it is."""
    level = [tree]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]


def text_of(file: Path) -> str:
    """What stands in it.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from error
    except ValueError as error:  # no system has such a name
        raise ConfigError([f"{file}: can't be read: {error}"]) from error
    if len(raw) > LARGEST:
        raise ConfigError([f"{file}: is larger than {LARGEST // 1024} KiB"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{file}:{line}: expected UTF-8"]) from None


def _told(error: ValueError, text: str) -> str:
    """What a parser has to say, with the line in front."""
    if isinstance(error, orjson.JSONDecodeError):
        return f":{error.lineno}: {error.msg} (column {error.colno})"
    said = str(error)
    if found := _AT.search(said):
        line = found[1] or text.count("\n") + 1
        column = f" (column {found[2]})" if found[2] else " (at the end of the file)"
        return f":{line}: {said[: found.start()]}{column}"
    return f": {said}"


def _has(tree: Any, key: Key) -> bool:
    for name in key:
        if isinstance(tree, list) and name.isdecimal() and int(name) < len(tree):
            tree = tree[int(name)]
        elif isinstance(tree, dict) and name in tree:
            tree = tree[name]
        else:
            return False
    return True
