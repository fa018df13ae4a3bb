"""What a terminal draws in one place: a character with all that joins it, and the columns that it takes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

JOINER = "\u200d"
EMOJI_LOOK = "\ufe0f"
_NARROW_EMOJI = frozenset("#*0123456789‼⁉ℹ")  # beside the symbols; the keycaps among them
_SKINS = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_JAMO = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """Its pieces in order, each with its columns; together they are the text."""
    if text.isascii():
        yield from ((character, 1) for character in text)
        return
    cluster, size = "", 0
    for character in text:
        if cluster and _joins(cluster, size, character):
            size = _joined(cluster, size, character)
            cluster += character
            continue
        if cluster:
            yield cluster, size
        cluster, size = character, _columns(character)
    if cluster:
        yield cluster, size


def width(text: str) -> int:
    """The columns that it takes."""
    return len(text) if text.isascii() else sum(size for _, size in clusters(text))


def cut(text: str, columns: int) -> tuple[str, str]:
    """As much of it as fits into so many columns, and the rest. No cluster is cut in half."""
    if text.isascii():
        return text[: max(columns, 0)], text[max(columns, 0) :]
    used = length = 0
    for cluster, size in clusters(text):
        if used + size > columns:
            break
        used, length = used + size, length + len(cluster)
    return text[:length], text[length:]


def _joins(cluster: str, size: int, character: str) -> bool:
    code = ord(character)
    if _columns(character) == 0:
        return True
    if cluster[-1] == JOINER:
        return size == 2
    return (code in _SKINS and size == 2) or (code in _FLAGS and len(cluster) == 1 and ord(cluster) in _FLAGS)


def _joined(cluster: str, size: int, character: str) -> int:
    base = cluster[0]
    if character == EMOJI_LOOK and (base in _NARROW_EMOJI or unicodedata.category(base) in {"So", "Sm"}):
        return 2
    return 2 if ord(character) in _FLAGS else size


def _columns(character: str) -> int:
    code = ord(character)
    if 0x20 <= code < 0x300:
        return 1
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or any(code in jamo for jamo in _JAMO):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
