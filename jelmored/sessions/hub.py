"""What sessions publish, to whoever listens. Publishing never waits: a subscriber that lags is its own matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import attrs
import trio

from jelmored.domain.events import DeltaKind, Event, OpenItem
from jelmored.domain.ids import ApprovalId, ItemId, LogId, SessionId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalStatus
from jelmored.domain.sessions import SessionView
from jelmored.journal.veil import Veil
from jelmored.wire import codec, jsonrpc
from jelmored.wire.messages import SessionChanged, SessionRemoved

CHANGES_PER_SECOND = 4  # protocol 1, section 4: `session/changed`


@attrs.frozen
class EventFrame:
    """A numbered event as every client gets it.

    Args:
        closes: the item whose deltas it ends.
        event: what the payload says; None where it was only read back from the journal.
    """

    seq: int
    payload: bytes = attrs.field(repr=False)
    closes: ItemId | None = None
    approval: Approval | None = None
    event: Event | None = attrs.field(default=None, repr=False)


@attrs.frozen
class DeltaFrame:
    payload: bytes = attrs.field(repr=False)
    item_id: ItemId
    kind: DeltaKind
    text: str
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen
class VoidFrame:
    payload: bytes = attrs.field(repr=False)
    item_id: ItemId


Frame = EventFrame | DeltaFrame | VoidFrame


class Observer(Protocol):
    """Sees what all sessions publish; for a session it is not there. Returns at once and raises nothing."""

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        """What a session has just published, in order."""


class Subscriber(Observer, Protocol):
    """Whoever listens to the sessions that it subscribed to. All methods return at once and raise nothing."""

    def notify(self, payload: bytes) -> None:
        """A notification that may be lost: it tells of a state, and a newer one follows."""

    def opened(self, feed: Feed) -> None:
        """Only for subscribers of all sessions: there is a new one, nothing of it is published yet."""

    def closed(self, feed: Feed, payload: bytes) -> None:
        """A session is gone: nothing of it follows this notification, and no newer one tells it again."""


@attrs.define
class OpenItems:
    """The texts that stream, by item."""

    _items: dict[ItemId, _Streaming] = attrs.field(factory=dict)

    def append(self, item_id: ItemId, kind: DeltaKind, text: str, parent: ToolUseId | None) -> int:
        """Returns the offset of this piece: the code points of the item before it."""
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Streaming(kind, parent)
        offset = item.length
        item.pieces.append(text)
        item.length += len(text)
        return offset

    def length(self, item_id: ItemId) -> int:
        """Code points so far."""
        item = self._items.get(item_id)
        return item.length if item else 0

    def close(self, item_id: ItemId) -> bool:
        """True if it was open."""
        return self._items.pop(item_id, None) is not None

    def snapshot(self) -> tuple[OpenItem, ...]:
        return tuple(
            OpenItem(item_id=item_id, kind=item.kind, text="".join(item.pieces), parent_tool_use_id=item.parent)
            for item_id, item in self._items.items()
        )

    def clear(self) -> None:
        self._items.clear()

    def __bool__(self) -> bool:
        return bool(self._items)


@attrs.define
class _Streaming:
    kind: DeltaKind
    parent: ToolUseId | None
    pieces: list[str] = attrs.field(factory=list)
    length: int = 0


@attrs.define(eq=False)
class Feed:
    """One session's published state: what a client knows that has seen everything up to now."""

    session_id: SessionId
    log_id: LogId
    head: int
    begins_after: int = 0
    """Events up to this one are not in this log."""
    open_items: OpenItems = attrs.field(factory=OpenItems)
    approvals: dict[ApprovalId, Approval] = attrs.field(factory=dict)
    subscribers: set[Subscriber] = attrs.field(factory=set)
    observers: set[Observer] = attrs.field(factory=set)
    """Those of the hub."""
    leaving: bool = False
    """The session is being removed: the journal may have nothing of it any more."""

    @property
    def oldest(self) -> int:
        """The number of the first event that is kept."""
        return self.begins_after + 1

    def publish(self, frames: Sequence[Frame]) -> None:
        """Durable frames, in order, to every subscriber and observer."""
        for frame in frames:
            self._apply(frame)
        listeners: tuple[Observer, ...] = (*self.subscribers, *self.observers)
        for listener in listeners:
            listener.push(self, frames)

    def _apply(self, frame: Frame) -> None:
        match frame:
            case DeltaFrame(item_id=item_id, kind=kind, text=text, parent_tool_use_id=parent):
                self.open_items.append(item_id, kind, text, parent)
            case VoidFrame(item_id=item_id):
                self.open_items.close(item_id)
            case EventFrame(seq=seq, closes=closes, approval=approval):
                self.head = seq
                if closes is not None:
                    self.open_items.close(closes)
                if approval is not None:
                    self._note(approval)

    def _note(self, approval: Approval) -> None:
        if approval.status is ApprovalStatus.OPEN:
            self.approvals[approval.approval_id] = approval
        else:
            self.approvals.pop(approval.approval_id, None)


class Hub:
    """The feeds of all sessions.

    Args:
        veil: through which all goes that is told here first; a session's frames went through it already.
    """

    def __init__(self, veil: Veil | None = None) -> None:
        self._veil = veil or Veil()
        self._feeds: dict[SessionId, Feed] = {}
        self._everyone: set[Subscriber] = set()
        self._watchers: set[Subscriber] = set()
        self._observers: set[Observer] = set()
        self._dirty: dict[SessionId, Callable[[], SessionView]] = {}
        self._wake = trio.Event()

    def open(self, feed: Feed) -> None:
        """A session is there; subscribers of all sessions learn of it."""
        self._feeds[feed.session_id] = feed
        feed.observers = self._observers
        for subscriber in tuple(self._watchers):
            subscriber.opened(feed)

    def close(self, feed: Feed) -> None:
        """A session is gone; its subscribers learn of it, and those of all sessions."""
        del self._feeds[feed.session_id]
        removed = codec.encode(SessionRemoved(session_id=feed.session_id))
        payload = jsonrpc.notification("session/removed", removed)
        for subscriber in feed.subscribers | self._watchers:
            subscriber.closed(feed, payload)

    def feed(self, session_id: SessionId) -> Feed | None:
        return self._feeds.get(session_id)

    @property
    def feeds(self) -> Mapping[SessionId, Feed]:
        return self._feeds

    def join(self, subscriber: Subscriber) -> None:
        """It gets what concerns everybody: `provider/changed`, `daemon/event`."""
        self._everyone.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """It gets nothing any more."""
        self._everyone.discard(subscriber)
        self._watchers.discard(subscriber)
        for feed in self._feeds.values():
            feed.subscribers.discard(subscriber)

    def watch(self, subscriber: Subscriber) -> None:
        """It learns of sessions to come."""
        self._watchers.add(subscriber)

    def unwatch(self, subscriber: Subscriber) -> None:
        self._watchers.discard(subscriber)

    def observe(self, observer: Observer) -> None:
        """It sees what all sessions publish from now on."""
        self._observers.add(observer)

    def unobserve(self, observer: Observer) -> None:
        self._observers.discard(observer)

    def broadcast(self, method: str, params: object) -> None:
        """A notification for every client; its parameters are a value of ours."""
        self._notify(self._everyone, jsonrpc.notification(method, self._veil.encode(params)))

    def changed(self, session_id: SessionId, view: Callable[[], SessionView]) -> None:
        """The session's view is another: its subscribers are told soon, at most four times a second.

        Args:
            view: asked when they are told.
        """
        self._dirty[session_id] = view
        self._wake.set()

    def _notify(self, subscribers: Iterable[Subscriber], payload: bytes) -> None:
        for subscriber in tuple(subscribers):
            subscriber.notify(payload)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tells of changed sessions."""
        task_status.started()
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            dirty, self._dirty = self._dirty, {}
            for session_id, view in dirty.items():
                self._tell(session_id, view)
            await trio.sleep(1 / CHANGES_PER_SECOND)

    def _tell(self, session_id: SessionId, view: Callable[[], SessionView]) -> None:
        feed = self._feeds.get(session_id)
        if feed is None or not (feed.subscribers or self._watchers):
            return
        payload = jsonrpc.notification("session/changed", self._veil.encode(SessionChanged(session=view())))
        self._notify(feed.subscribers | self._watchers, payload)
