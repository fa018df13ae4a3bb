"""Notifications, read once, to the streams of the session that they are about."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec

from .messages import Notice
from .outputs import CaughtUp, Delta, ItemVoided, Output, read_event
from .session import Session
from .stream import OutputStream

READERS: Mapping[str, Callable[[Mapping[str, Any]], Output]] = {
    "session/event": read_event,
    "session/delta": lambda params: codec.from_json(params, Delta),
    "session/itemVoided": lambda params: codec.from_json(params, ItemVoided),
    "session/caughtUp": lambda params: codec.from_json(params, CaughtUp),
}


class Hearing:
    """Who listens to which session. It holds nobody: a stream that was let go of is forgotten."""

    def __init__(self) -> None:
        self._streams: defaultdict[SessionId, weakref.WeakSet[OutputStream]] = defaultdict(weakref.WeakSet)
        self._sessions: defaultdict[SessionId, weakref.WeakSet[Session]] = defaultdict(weakref.WeakSet)

    def join(self, session: Session, stream: OutputStream) -> None:
        """From now on this stream is told of this session."""
        self._streams[session.id].add(stream)
        self._sessions[session.id].add(session)

    def leave(self, session: Session, stream: OutputStream) -> bool:
        """It is told no more; True if nobody listens to this session now."""
        self._streams[session.id].discard(stream)
        return not self._streams[session.id]

    def lost(self, reason: str) -> None:
        """The connection is away: every stream is told."""
        for streams in self._streams.values():
            for stream in tuple(streams):
                stream.lost(reason)

    def hear(self, notice: Notice) -> None:
        """A notification; one that makes no sense is dropped, its event is missed by its number and asked for again."""
        try:
            self._tell(notice)
        except codec.InvalidValue:
            return

    def _tell(self, notice: Notice) -> None:
        if read := READERS.get(notice.method):
            output = read(notice.params)
            for stream in self._listeners(notice):
                stream.heard(output, notice.size)
        elif notice.method == "session/changed":
            view = codec.from_json(notice.params.get("session"), SessionView)
            for session in tuple(self._sessions.get(view.session_id, ())):
                session.view = view
        elif notice.method == "session/removed":
            for stream in self._listeners(notice):
                stream.removed()

    def _listeners(self, notice: Notice) -> tuple[OutputStream, ...]:
        return tuple(self._streams.get(SessionId(str(notice.params.get("sessionId"))), ()))
