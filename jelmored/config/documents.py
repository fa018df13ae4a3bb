"""Configuration files as they were written: what they say, and on which line each key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson

from jelmored.errors import ConfigError

Key = tuple[str, ...]

_TABLE = re.compile(r"""\s*\[\s*([\w\s."'-]+?)\s*\]""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_PAIR = re.compile(r"""\s*([\w."'-]+)\s*=""")


@attrs.frozen
class Document:
    """`tree`: nested tables. `places`: where a key stands, `FILE:LINE`, for keys whose line could be told."""

    file: str
    tree: Mapping[str, Any]
    places: Mapping[Key, str] = attrs.field(factory=dict)

    def place(self, key: Key) -> str | None:
        """Where the key, or the nearest table around it, was written; None if it is not in this file."""
        if not _has(self.tree, key):
            return None
        known = (self.places[key[:length]] for length in range(len(key), 0, -1) if key[:length] in self.places)
        return next(known, self.file)


def read(file: Path) -> Document:
    """TOML, or JSON if the name says so.

    Raises:
        ConfigError: it can't be read or is neither.
    """
    try:
        text = file.read_text("utf-8")
        tree = orjson.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"{file}: {error}"]) from error
    if not isinstance(tree, dict):
        raise ConfigError([f"{file}: expected a table of settings"])
    return Document(str(file), tree, {} if file.suffix == ".json" else _places(str(file), text))


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


def _has(tree: Any, key: Key) -> bool:
    for name in key:
        if not isinstance(tree, dict) or name not in tree:
            return False
        tree = tree[name]
    return True


def _places(file: str, text: str) -> dict[Key, str]:
    """By a look at each line, which may err inside of strings of several lines: good enough to point there."""
    return {key: f"{file}:{number}" for number, key in _keys(text)}


def _keys(text: str) -> Iterator[tuple[int, Key]]:
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _split(header[1])
            yield number, table
        elif pair := _PAIR.match(line):
            yield number, (*table, *_split(pair[1]))


def _split(dotted: str) -> Key:
    """Dots inside of quotes belong to a name: `models."kimi-k2.6"`."""
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
