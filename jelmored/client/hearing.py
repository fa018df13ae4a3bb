"""Notifications, read once, to those who listen to the session that they are about."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, ItemVoided, SessionChanged, SessionDelta

from .messages import Notice
from .outputs import Output, read_event

READERS: Mapping[str, Callable[[Mapping[str, Any]], Output]] = {
    "session/event": read_event,
    "session/delta": lambda params: codec.from_json(params, SessionDelta),
    "session/itemVoided": lambda params: codec.from_json(params, ItemVoided),
    "session/caughtUp": lambda params: codec.from_json(params, CaughtUp),
}


class Listener(Protocol):
    """Whoever listens to a session. All methods return at once and raise nothing."""

    def heard(self, output: Output, size: int) -> None:
        """The next notification of this session; `size` in bytes."""

    def changed(self, view: SessionView) -> None:
        """The session as it is now."""

    def removed(self) -> None:
        """The session was deleted."""

    def lost(self, reason: str) -> None:
        """The connection is away."""


class Hearing:
    """Who listens to which session. It holds nobody: a listener that was let go of is forgotten."""

    def __init__(self) -> None:
        self._listeners: defaultdict[SessionId, weakref.WeakSet[Listener]] = defaultdict(weakref.WeakSet)

    def join(self, session_id: SessionId, listener: Listener) -> None:
        """From now on it is told of this session, as long as somebody holds it."""
        self._listeners[session_id].add(listener)

    def leave(self, session_id: SessionId, listener: Listener) -> bool:
        """It is told no more; True if nobody listens to this session now."""
        self._listeners[session_id].discard(listener)
        return not self._listeners[session_id]

    def lost(self, reason: str) -> None:
        """The connection is away: every listener is told."""
        for session_id in tuple(self._listeners):
            for listener in self._of(session_id):
                listener.lost(reason)

    def hear(self, notice: Notice) -> None:
        """A notification; one that makes no sense is dropped, its event is missed by its number and asked for again."""
        try:
            self._tell(notice)
        except codec.InvalidValue:
            return

    def _tell(self, notice: Notice) -> None:
        if read := READERS.get(notice.method):
            output = read(notice.params)
            for listener in self._of(notice.params.get("sessionId")):
                listener.heard(output, notice.size)
        elif notice.method == "session/changed":
            view = codec.from_json(notice.params, SessionChanged).session
            for listener in self._of(view.session_id):
                listener.changed(view)
        elif notice.method == "session/removed":
            for listener in self._of(notice.params.get("sessionId")):
                listener.removed()

    def _of(self, session_id: object) -> tuple[Listener, ...]:
        return tuple(self._listeners.get(SessionId(str(session_id)), ()))
