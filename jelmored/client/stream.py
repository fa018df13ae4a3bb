"""A session's output as an async iterator: exact over reconnects, bounded however slow its consumer is."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import trio

from jelmored.domain.events import Change, Event, EventType, Said
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import Status
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta, Subscribed

from .items import Items
from .known import Known
from .link import Link
from .outputs import ConnectionLost, Output

ROOM = 512  # outputs that wait for the consumer
ROOM_BYTES = 4 * 1024 * 1024  # of the frames that they came in; a single larger one still fits

After = int | Literal["start", "now"]


class OutputStream:
    """Events after a cursor, and what streams between them. Made by `Session.stream_output`.

    It subscribes when it is first asked for an output. A consumer that is too slow costs nobody anything: past the
    room nothing more is kept, and what is missing is asked for again by its number when the consumer has caught up.
    It ends when the session is terminated or deleted. Asking it for the next output raises:

        RpcError: the daemon refuses the cursor (`cursor-expired`) or no longer has the session.
        Disconnected: the connection was lost for good.

    Args:
        link: whose connection is used.
        known: of the session; kept up to date as long as somebody holds the stream.
        after: where it begins, see `Session.stream_output`.
    """

    def __init__(self, link: Link, known: Known, after: After) -> None:
        self._link = link
        self._known = known
        self._after = after
        self._cursor = after if isinstance(after, int) else None
        self._log_id: str | None = None
        self._items = Items()
        self._waiting: deque[tuple[Output, int]] = deque()
        self._bytes = 0
        self._live = False
        self._over = False
        self._current = False
        """What had happened before has come: a session that is terminated now is so, and not only was."""
        self._status: str | None = None
        self._wake = trio.Event()

    def __aiter__(self) -> OutputStream:
        return self

    async def __anext__(self) -> Output:
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            if self._live:
                await self._wake.wait()
            else:
                await self._subscribe()
        output, size = self._waiting.popleft()
        self._bytes -= size
        if isinstance(output, Event):
            self._known.saw(output.seq)
        return output

    async def aclose(self) -> None:
        """No more of it; the daemon is told. A stream that is merely let go of costs nothing but its notifications."""
        self._over, self._live = True, False
        self._waiting.clear()
        self._wake.set()
        if self._link.hearing.leave(self._known.id, self):
            await self._link.call("session/unsubscribe", {"sessionId": self._known.id})

    # What the client's reader tells. All of it returns at once.

    def heard(self, output: Output, size: int) -> None:
        """The next notification of this session; `size` in bytes."""
        if not self._live:
            return
        if self._waiting and (len(self._waiting) >= ROOM or self._bytes + size > ROOM_BYTES):
            self._live = False  # asked for again once there is room
            return
        self._sort(output, size)

    def changed(self, view: SessionView) -> None:
        """The session as it is now."""
        self._known.view = view

    def lost(self, reason: str) -> None:
        """The connection is away."""
        if self._live:
            self._live = False
            self._put(ConnectionLost(reason))
        self._wake.set()

    def removed(self) -> None:
        """The session was deleted."""
        self._over = True
        self._wake.set()

    def _sort(self, output: Output, size: int) -> None:
        match output:
            case Event():
                self._event(output, size)
            case SessionDelta():
                if piece := self._items.piece(output):
                    self._put(piece, size)
            case ItemVoided(item_id=item_id):
                self._items.close(item_id)
                self._put(output, size)
            case CaughtUp():
                self._caught_up(output, size)
            case ConnectionLost():
                self._put(output)

    def _event(self, event: Event, size: int) -> None:
        if self._cursor is not None and event.seq <= self._cursor:
            return
        if self._cursor is not None and event.seq > self._cursor + 1:
            self._live = False  # a gap: another stream of ours has subscribed elsewhere
            self._wake.set()
            return
        self._cursor = event.seq
        self._put(event, size)
        match event.metadata:
            case Said(item_id=item_id):
                self._items.close(item_id)
            case Change(to=status) if event.event_type is EventType.STATUS_CHANGE:
                self._status = status
                self._over = self._over or (self._current and status == Status.TERMINATED)
        if event.event_type is EventType.TURN_ENDED:
            self._items.clear()

    def _caught_up(self, caught_up: CaughtUp, size: int) -> None:
        if self._cursor is not None and caught_up.head > self._cursor:
            self._live = False
            self._wake.set()
            return
        self._cursor = max(self._cursor or 0, caught_up.head)
        for piece in self._items.reconcile(caught_up.session_id, caught_up.head, caught_up.open_items):
            self._put(piece)
        self._put(caught_up, size)
        self._current = True
        self._over = self._over or (self._status or self._known.view.status) == Status.TERMINATED

    def _put(self, output: Output, size: int = 0) -> None:
        self._waiting.append((output, size))
        self._bytes += size
        self._wake.set()
        self._wake = trio.Event()

    async def _subscribe(self) -> None:
        after = self._after if self._cursor is None else self._cursor
        params: dict[str, Any] = {"sessionId": self._known.id, "after": after}
        if self._log_id is not None:
            params["logId"] = self._log_id
        self._link.hearing.join(self._known.id, self)
        await self._link.call("session/subscribe", params, told=self._subscribed)

    def _subscribed(self, reply: Mapping[str, Any]) -> None:
        """The reply to our `session/subscribe`: what follows it on the wire is ours."""
        place = codec.from_json(reply, Subscribed)
        self._log_id = place.log_id
        if self._after == "now" and self._cursor is None:
            self._cursor = place.head
        self._live, self._current = True, False
