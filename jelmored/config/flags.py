"""Settings that stand on the command line: `--set KEY=VALUE`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from jelmored.domain.texts import is_text

from .documents import Document, overlaid, too_deep, value_of
from .faults import cut
from .lines import Key

PLACE = "--set"


def document(flags: Sequence[str]) -> tuple[Document, list[str]]:
    """What the flags say, later ones win; and what is wrong with them.

    Args:
        flags: each is `KEY=VALUE`: a key as it stands in a file, with its tables; a value of TOML, or a bare word,
            which is a string.
    """
    tree: dict[str, Any] = {}
    faults: list[str] = []
    for flag in flags:
        name, _, text = flag.partition("=")
        if not is_text(flag):
            faults.append(f"{PLACE} {cut(name)}: expected UTF-8")
            continue
        try:
            tree = overlaid(tree, nested(key_of(name), value_from(text)))
        except ValueError as error:
            faults.append(f"{PLACE} {cut(name)}: {error}")
    return Document(PLACE, tree), faults


def key_of(name: str) -> Key:
    """A key as it is written, to its parts: quotes and dots mean what they mean in a file.

    Raises:
        ValueError: it is none.
    """
    try:
        tree = tomllib.loads(f"{name} = 0") if name.strip() and name.isprintable() else {}
    except ValueError:
        tree = {}
    parts: list[str] = []
    if too_deep(tree):
        tree = {}
    inner: Any = tree
    while isinstance(inner, dict) and len(inner) == 1:
        [(part, inner)] = inner.items()
        parts.append(part)
    if not parts or inner != 0:
        raise ValueError("expected KEY=VALUE, with a key such as sessions.hibernate_after")
    return tuple(parts)


def nested(key: Key, value: Any) -> dict[str, Any]:
    """The value in tables, under this key."""
    tree = {key[-1]: value}
    for part in reversed(key[:-1]):
        tree = {part: tree}
    return tree


def value_from(text: str) -> Any:
    """A value of TOML, or a bare word."""
    try:
        return value_of(text)
    except ValueError:
        return text
