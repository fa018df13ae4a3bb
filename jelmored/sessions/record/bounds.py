"""An event is at most 1 MiB: what is larger is cut, and the cut is named."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import attrs

from jelmored.domain.events import Draft, ToolResult

MAX_EVENT = 1024 * 1024  # bytes, encoded
SHORTER = (960 * 1024, 256 * 1024, 32 * 1024, 2 * 1024, 64)  # characters of each text, tried in this order
CHARACTERS_PER_ITEM = 64  # of a limit; so many items a list or an object may have then, but FEW at least
FEW = 4
DEPTH = 6  # objects in objects, once something must be cut

Encode = Callable[[Draft], bytes]


def bounded(draft: Draft, encode: Encode) -> tuple[Draft, bytes]:
    """The draft, and its bytes, cut as far as it takes."""
    for limit in SHORTER:
        with contextlib.suppress(RecursionError, TypeError):  # JSON of an agent may be too deep to be written again
            if len(draft.content) <= MAX_EVENT and len(body := encode(draft)) <= MAX_EVENT:
                return draft, body
        draft = _shorter(draft, limit, DEPTH)
        if isinstance(draft.metadata, ToolResult):
            draft = attrs.evolve(draft, metadata=attrs.evolve(draft.metadata, truncated=True))
    return draft, encode(draft)


def cut(text: str, limit: int) -> str:
    """A text of at most about `limit` characters; says how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… [{len(text) - limit} more characters cut]"


def _shorter(value: Any, limit: int, depth: int) -> Any:
    """The same value with shorter texts, fewer items, less depth."""
    room = max(limit // CHARACTERS_PER_ITEM, FEW)
    match value:
        case enum.Enum():
            return value
        case str():
            return cut(value, limit)
        case Mapping() | list() if not depth:
            return "… [cut]"
        case Mapping():
            return _fewer(value, limit, depth, room)
        case list() | tuple():
            return type(value)(_shorter(item, limit, depth - 1) for item in value[:room])
        case _ if attrs.has(type(value)):
            names = [field.name for field in attrs.fields(type(value))]
            return attrs.evolve(value, **{name: _shorter(getattr(value, name), limit, depth) for name in names})
    return value


def _fewer(value: Mapping[str, Any], limit: int, depth: int, room: int) -> Mapping[str, Any]:
    kept = {cut(key, limit): _shorter(item, limit, depth - 1) for key, item in islice(value.items(), room)}
    return kept if len(value) <= room else {**kept, "…": f"[{len(value) - room} more members cut]"}
