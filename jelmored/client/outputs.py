"""What a session's stream is made of: numbered events, and what streams between them (protocol 1, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.events import Event, EventType, System
from jelmored.domain.times import from_rfc3339
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, History, ItemVoided, SessionDelta


@attrs.frozen
class ConnectionLost:
    """The connection is away; the stream goes on by itself once there is one again."""

    reason: str


Output = Event | SessionDelta | ItemVoided | CaughtUp | ConnectionLost


@attrs.frozen(kw_only=True)
class HistoryPage:
    """Events in order. `has_more`: there are further ones in the direction that was asked for."""

    events: tuple[Event, ...]
    has_more: bool


def read_history(reply: Mapping[str, Any]) -> HistoryPage:
    """The reply to `session/history`."""
    page = codec.from_json(reply, History)
    return HistoryPage(events=tuple(map(read_event, page.events)), has_more=page.has_more)


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
