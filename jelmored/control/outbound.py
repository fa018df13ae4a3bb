"""What waits for one client: replies, notifications, and where each of its subscriptions stands.

A subscription is live, or it catches up from the journal, page by page, until its cursor is the head of the log; in
that same step it turns live. A fresh subscriber and a slow one go the same way, so there is neither gap nor repeat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import attrs
from trio.lowlevel import ParkingLot

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Entry, Journal
from jelmored.sessions.hub import DeltaFrame, EventFrame, Feed, Frame
from jelmored.wire import codec, jsonrpc
from jelmored.wire.messages import CaughtUp

MAX_NOTICES = 256  # protocol 1, section 4: past these two a client is slow
MAX_NOTICE_BYTES = 1024 * 1024
PAGE_EVENTS = 256
PAGE_BYTES = 256 * 1024
BATCH_BYTES = 64 * 1024  # one write: small enough that a pong gets between two of them on a slow line
REPLY_ROOM = 128
REPLY_ROOM_BYTES = 1024 * 1024


@attrs.define(eq=False)
class Subscription:
    """`cursor`: the last event that was handed to the writer. Not live: it catches up from there."""

    feed: Feed
    cursor: int
    live: bool = False


@attrs.frozen(eq=False)
class _Notice:
    payload: bytes
    subscription: Subscription | None = None
    seq: int | None = None
    lasting: bool = False
    """Nothing tells it again: it must not be dropped. There is one of a session at most."""


class Outbound:
    """The sync side (`reply`, `push`, `notify`, `opened`, `closed`) never waits; `take` is the writer's.

    `run` reads the journal.

    Args:
        deltas: whether the client wants them.
    """

    def __init__(self, *, deltas: bool = True) -> None:
        self.deltas = deltas
        self._replies: deque[bytes] = deque()
        self._page: deque[_Notice] = deque()
        self._notices: deque[_Notice] = deque()
        self._reply_bytes = self._notice_bytes = 0
        self._subscriptions: dict[SessionId, Subscription] = {}
        self._lagging: dict[Subscription, None] = {}
        self._changed = ParkingLot()

    @property
    def replies(self) -> int:
        """How many wait."""
        return len(self._replies)

    def reply(self, payload: bytes) -> None:
        """An answer; never dropped, and ahead of every notification."""
        self._replies.append(payload)
        self._reply_bytes += len(payload)
        self._changed.unpark_all()

    async def room(self) -> None:
        """Wait until the client has read most of its answers: a request is worth starting then."""
        while len(self._replies) > REPLY_ROOM or self._reply_bytes > REPLY_ROOM_BYTES:
            await self._changed.park()

    def subscribe(self, feed: Feed, after: int) -> None:
        """From the event after `after` on. One that there was is replaced; what still waited of it is dropped."""
        self.unsubscribe(feed.session_id)
        subscription = self._subscriptions[feed.session_id] = Subscription(feed, after)
        feed.subscribers.add(self)
        self._catch_up(subscription)

    def unsubscribe(self, session_id: SessionId) -> None:
        """Nothing of it follows. Without a subscription, nothing."""
        subscription = self._subscriptions.pop(session_id, None)
        if subscription is None:
            return
        subscription.feed.subscribers.discard(self)
        self._lagging.pop(subscription, None)
        self._page = deque(notice for notice in self._page if notice.subscription is not subscription)
        self._notices = deque(notice for notice in self._notices if notice.subscription is not subscription)
        self._notice_bytes = sum(len(notice.payload) for notice in self._notices)
        self._changed.unpark_all()

    def unsubscribe_all(self) -> None:
        for session_id in tuple(self._subscriptions):
            self.unsubscribe(session_id)

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        subscription = self._subscriptions.get(feed.session_id)
        for frame in frames:
            if subscription is None or not subscription.live:
                break  # the journal has it
            if self.deltas or not isinstance(frame, DeltaFrame):
                seq = frame.seq if isinstance(frame, EventFrame) else None
                self._queue(_Notice(frame.payload, subscription, seq))
        self._changed.unpark_all()

    def notify(self, payload: bytes) -> None:
        self._queue(_Notice(payload))
        self._changed.unpark_all()

    def opened(self, feed: Feed) -> None:
        self.subscribe(feed, feed.begins_after)

    def closed(self, feed: Feed, payload: bytes) -> None:
        self.unsubscribe(feed.session_id)
        self._queue(_Notice(payload, lasting=True))
        self._changed.unpark_all()

    def _queue(self, notice: _Notice) -> None:
        self._notices.append(notice)
        self._notice_bytes += len(notice.payload)
        if len(self._notices) > MAX_NOTICES or self._notice_bytes > MAX_NOTICE_BYTES:
            self._overflow()

    def _overflow(self) -> None:
        """The client is slow: what waits is dropped, and what belongs to a log is read from there again."""
        lost = dict.fromkeys(notice.subscription for notice in self._notices)
        self._page.extend(notice for notice in self._notices if notice.lasting)
        self._notices.clear()
        self._notice_bytes = 0
        for subscription in filter(None, lost):
            self._catch_up(subscription)

    def _catch_up(self, subscription: Subscription) -> None:
        subscription.live = False
        self._lagging[subscription] = None
        self._changed.unpark_all()

    async def take(self) -> list[bytes]:
        """What to write next, at least one message; waits for it. Replies first, then pages, then what is live."""
        while not (batch := self.rest(BATCH_BYTES)):
            await self._changed.park()
        return batch

    def rest(self, limit: int) -> list[bytes]:
        """What waits now, up to about `limit` bytes."""
        batch: list[bytes] = []
        size = 0
        while size < limit and (payload := self._next()) is not None:
            batch.append(payload)
            size += len(payload)
        if batch:
            self._changed.unpark_all()
        return batch

    def _next(self) -> bytes | None:
        if self._replies:
            self._reply_bytes -= len(self._replies[0])
            return self._replies.popleft()
        if self._page:
            return self._page.popleft().payload
        if not self._notices:
            return None
        notice = self._notices.popleft()
        self._notice_bytes -= len(notice.payload)
        if notice.subscription is not None and notice.seq is not None:
            notice.subscription.cursor = notice.seq
        return notice.payload

    async def run(self, journal: Journal) -> None:
        """Serve those that lag, in turn, a page whenever the last one is written.

        Raises:
            JournalError: the journal failed, or has not what it should have.
        """
        while True:
            while self._page or (subscription := self._next_lagging()) is None:
                await self._changed.park()
            feed, cursor = subscription.feed, subscription.cursor
            entries: tuple[Entry, ...] = ()
            if cursor < feed.head:
                page = await journal.read(feed.session_id, after=cursor, limit=PAGE_EVENTS, max_bytes=PAGE_BYTES)
                entries = page.entries
            self._serve(subscription, entries)

    def _next_lagging(self) -> Subscription | None:
        """One whose session is being removed waits for the end of that, whatever it is."""
        return next((one for one in self._lagging if not one.feed.leaving), None)

    def _serve(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """One synchronous step: nothing is published between the look at the head and turning live."""
        if subscription not in self._lagging:  # replaced or ended while the journal was read
            return
        del self._lagging[subscription]
        feed = subscription.feed
        for entry in entries:
            if entry.seq <= feed.head:  # what is durable and not yet published comes by `push`
                self._put(subscription, "session/event", entry.body)
                subscription.cursor = _following(subscription.cursor, entry.seq)
        if subscription.cursor == feed.head:
            self._put(subscription, "session/caughtUp", codec.encode(_caught_up(feed)))
            subscription.live = True
        elif entries or feed.leaving:
            self._lagging[subscription] = None  # behind the others
        else:
            raise JournalError(ErrorKind.JOURNAL_FAILED, f"no event after {subscription.cursor} of {feed.session_id}")
        self._changed.unpark_all()

    def _put(self, subscription: Subscription, method: str, params: bytes) -> None:
        self._page.append(_Notice(jsonrpc.notification(method, params), subscription))


def _following(cursor: int, seq: int) -> int:
    if seq != cursor + 1:
        raise JournalError(ErrorKind.JOURNAL_FAILED, f"event {cursor + 1} is missing, the next one is {seq}")
    return seq


def _caught_up(feed: Feed) -> CaughtUp:
    return CaughtUp(
        session_id=feed.session_id,
        head=feed.head,
        open_items=feed.open_items.snapshot(),
        approvals=tuple(feed.approvals.values()),
    )
