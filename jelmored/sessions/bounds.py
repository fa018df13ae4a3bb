"""An event is at most 1 MiB: what is larger is cut, and the cut is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jelmored.domain.events import Draft, System, ToolResult, ToolUse
from jelmored.domain.permissions import Approval, Diff

MAX_EVENT = 1024 * 1024  # bytes, encoded
SHORTER = (960 * 1024, 256 * 1024, 32 * 1024, 2 * 1024)  # characters of each text, tried in this order

Encode = Callable[[Draft], bytes]


def bounded(draft: Draft, encode: Encode) -> tuple[Draft, bytes]:
    """The draft, and its bytes, with its texts cut as far as it takes."""
    body = encode(draft)
    for limit in SHORTER:
        if len(body) <= MAX_EVENT:
            break
        draft = _shorter(draft, limit)
        body = encode(draft)
    return draft, body


def cut(text: str, limit: int) -> str:
    """A text of at most about `limit` characters; says how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… [{len(text) - limit} more characters cut]"


def _shorter(draft: Draft, limit: int) -> Draft:
    metadata = draft.metadata
    match metadata:
        case ToolUse() | Approval(input=Mapping()):
            metadata = attrs.evolve(metadata, input=_cut_all(metadata.input, limit))
        case ToolResult():
            metadata = attrs.evolve(metadata, truncated=True, diffs=_cut_diffs(metadata.diffs, limit))
        case System():
            metadata = attrs.evolve(metadata, raw=_cut_all(metadata.raw, limit), data=_cut_all(metadata.data, limit))
    if isinstance(metadata, Approval):
        metadata = attrs.evolve(metadata, diffs=_cut_diffs(metadata.diffs, limit))
    return Draft(draft.event_type, cut(draft.content, limit), metadata)


def _cut_diffs(diffs: tuple[Diff, ...], limit: int) -> tuple[Diff, ...]:
    return tuple(
        attrs.evolve(diff, old_text=cut(diff.old_text, limit), new_text=cut(diff.new_text, limit)) for diff in diffs
    )


def _cut_all(value: Any, limit: int) -> Any:
    match value:
        case str():
            return cut(value, limit)
        case Mapping():
            return {key: _cut_all(item, limit) for key, item in value.items()}
        case list() | tuple():
            return [_cut_all(item, limit) for item in value[: max(limit // 64, 16)]]
        case _:
            return value
