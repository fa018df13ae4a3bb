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


def cut(text: str, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes of a text, and whether something is missing."""
    size = len(text) if text.isascii() else len(text.encode())
    if size <= limit:
        return text, False
    note = f"\n[cut: {size} bytes in all]"
    head = text.encode()[: max(0, limit - len(note))].decode(errors="ignore")
    return head + note, True


def one_line(text: str) -> str:
    """The first line of a text, short enough for a list."""
    head, _, rest = text.strip().partition("\n")
    short = head[:MAX_LINE]
    return short + " …" if rest or len(head) > MAX_LINE else short


def bounded_raw(value: Any) -> Any:
    """A message as it came, or the beginning of its text where it is too large (or too deep) to keep."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # nested deeper than can be written
        data = str(value).encode(errors="replace")
    else:
        if len(data) <= MAX_RAW:
            return value
    return cut(data.decode(errors="replace"), MAX_RAW // 2)[0]  # as a text its quotes are escaped


def bounded_input(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's input, or the beginning of each of its long texts where it is too large. Where that does not help, for
    it has very many or very long keys, the beginning of its JSON stands under `raw`."""
    try:
        if len(orjson.dumps(value)) <= MAX_INPUT:
            return value
    except TypeError:  # nested deeper than can be written
        return {"raw": bounded_raw(value)}
    share = MAX_INPUT // len(value)
    shorter = {key: _shortened(item, share) for key, item in value.items()}
    return shorter if len(orjson.dumps(shorter)) <= MAX_SHORTENED else {"raw": bounded_raw(value)}


def _shortened(item: Any, share: int) -> Any:
    if isinstance(item, str):
        return cut(item, share)[0]
    text = orjson.dumps(item).decode()
    return item if len(text) <= share else cut(text, share)[0]
