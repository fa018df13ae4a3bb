"""How much of what an agent says is kept. What is cut says so, with its full size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

MAX_RESULT = 256 * 1024
"""Bytes of a tool's output in one event."""
MAX_RAW = 64 * 1024
"""Bytes of a message that we don't know (protocol 1, section 4, `system`)."""
MAX_INPUT = 256 * 1024
"""Bytes of a tool's input in one event: a `Write` of megabytes still fits into an event, with its beginning."""
MAX_SHORTENED = 2 * MAX_INPUT
"""Bytes of an input whose texts were cut: each to its share, but quotes and keys come to that."""
MAX_LINE = 200
"""Characters of a line for a person."""
MAX_DEPTH = 100
"""Values within values. Whoever reads an event may be able to go less deep than we are."""
DEEPEST = 254  # what orjson writes


def cut(text: str, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes of a text, and whether something is missing."""
    size = len(text) if text.isascii() else len(text.encode())
    return (text, False) if size <= limit else (_head(text[:limit].encode(), size, limit), True)


def _head(data: bytes, size: int, limit: int) -> str:
    note = f"\n[cut: {size} bytes in all]"
    return data[: max(0, limit - len(note))].decode(errors="ignore") + note


def one_line(text: str) -> str:
    """The first line of a text, short enough for a list."""
    head, _, rest = text.strip().partition("\n")
    short = head[:MAX_LINE]
    return short + " …" if rest or len(head) > MAX_LINE else short


def bounded_raw(value: Any) -> Any:
    """A message as it came, or the beginning of its text where it is too large (or too deep) to keep."""
    if isinstance(value, Mapping) and any(map(_is_long, value.values())):
        value = {key: _abridged(item) for key, item in value.items()}
    try:
        data = _written(value)
    except TypeError:
        data = _in_words(value).encode(errors="replace")
    else:
        if len(data) <= MAX_RAW:
            return value
    limit = MAX_RAW // 2  # as a text its quotes are escaped
    return _head(data, len(data), limit) if len(data) > limit else data.decode(errors="replace")


def bounded_input(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's input, or the beginning of each of its long texts where it is too large. Where that does not help, for
    it has very many or very long keys, the beginning of its JSON stands under `raw`."""
    try:
        if len(_written(value)) <= MAX_INPUT:
            return value
    except TypeError:
        return {"raw": bounded_raw(value)}
    share = MAX_INPUT // len(value)
    shorter = {key: _shortened(item, share) for key, item in value.items()}
    return shorter if len(orjson.dumps(shorter)) <= MAX_SHORTENED else {"raw": bounded_raw(value)}


def _abridged(item: Any) -> Any:
    """Of a text of megabytes a little: to write the rest would take as much memory again."""
    return cut(item, MAX_RAW // 8)[0] if _is_long(item) else item


def _is_long(item: Any) -> bool:
    return isinstance(item, str) and len(item) > MAX_RAW


def _written(value: Any) -> bytes:
    """Raises `TypeError` for what is nested too deeply, or can't be written otherwise."""
    data, around = value, DEEPEST - MAX_DEPTH
    for _ in range(around):
        data = [data]
    return orjson.dumps(data)[around:-around]


def _in_words(value: Any) -> str:
    try:
        return str(value)
    except RecursionError:
        return "[nested too deeply to be told]"


def _shortened(item: Any, share: int) -> Any:
    if isinstance(item, str):
        return cut(item, share)[0]
    text = orjson.dumps(item).decode()
    return item if len(text) <= share else cut(text, share)[0]
