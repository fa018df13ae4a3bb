"""What a session's stream is made of: numbered events, and what streams between them (protocol 1, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.events import DeltaKind, Event, EventType, OpenItem, System
from jelmored.domain.ids import ItemId, SessionId, ToolUseId
from jelmored.domain.permissions import Approval
from jelmored.domain.times import from_rfc3339
from jelmored.wire import codec


@attrs.frozen(kw_only=True)
class Delta:
    """A piece of text as it streams. The pieces of one item join without gap or repeat, also over a reconnect.

    `offset` counts the code points of the item before this piece.
    """

    session_id: SessionId
    turn: int | None = None
    item_id: ItemId
    after_seq: int
    kind: DeltaKind
    offset: int
    text: str
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class ItemVoided:
    """Discard what you show of this item: no event will close it."""

    session_id: SessionId
    item_id: ItemId
    reason: str


@attrs.frozen(kw_only=True)
class CaughtUp:
    """All that had happened has been told, up to `head`; what follows is live."""

    session_id: SessionId
    head: int
    open_items: tuple[OpenItem, ...]
    approvals: tuple[Approval, ...]


@attrs.frozen
class ConnectionLost:
    """The connection is away; the stream goes on by itself once there is one again."""

    reason: str


Output = Event | Delta | ItemVoided | CaughtUp | ConnectionLost


def read_event(params: Mapping[str, Any]) -> Event:
    """An event. One of a kind that this client does not know becomes `system` with the whole of it in `raw`.

    Raises:
        InvalidValue: it has not even the members that every event has.
    """
    try:
        return codec.from_json(params, Event)
    except codec.InvalidValue:
        return _unread(params)


def _unread(params: Mapping[str, Any]) -> Event:
    try:
        return Event(
            session_id=params["sessionId"],
            seq=params["seq"],
            event_type=EventType.SYSTEM,
            content=str(params.get("content", "")),
            metadata=System(subtype="unread", raw=params),
            timestamp=from_rfc3339(params["timestamp"]),
            turn=params.get("turn"),
            provider=params.get("provider"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise codec.InvalidValue([f"not an event: {error!r}"]) from error
