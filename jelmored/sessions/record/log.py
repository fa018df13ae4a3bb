"""A session's log: the only place where events are born. What one message changed becomes durable together, and only
then is it published, in order: a delta waits behind earlier events that are not yet durable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import attrs
import structlog
import trio

from jelmored.actors.mailbox import Reply
from jelmored.domain.events import Draft, Event, Said
from jelmored.domain.ids import ItemId, ProviderName
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import Facts
from jelmored.domain.times import utc_now
from jelmored.domain.usage import UsageEntry
from jelmored.errors import ErrorKind, JournalError, JournalPaused
from jelmored.journal.base import Attachment, Batch, Entry, Journal, StoredKey, StoredPrompt
from jelmored.providers.base import Delta
from jelmored.secrecy import LEAST
from jelmored.sessions.hub import DeltaFrame, EventFrame, Feed, Frame, OpenItems, VoidFrame
from jelmored.wire import codec, jsonrpc
from jelmored.wire.messages import ItemVoided, SessionDelta

from .bounds import bounded

log = structlog.get_logger(__name__)

CHECKPOINT_EVERY = 1.0  # seconds; of the texts that stream
LONGEST = 4 * 1024 * 1024  # characters of one item; the event that closes it holds less anyway
ROOM = 64  # messages whose changes are not published yet; then the session waits, and so does its agent
PATIENCE = 10.0  # seconds for a disk that takes nothing; then whoever asked is told, and what was asked stays

T = TypeVar("T")
Then = Callable[[], None]
"""What is done once it is durable; must not wait or raise."""
Fail = Callable[[JournalError], None]
"""What is done if it can't be made durable."""


@attrs.frozen
class _Parcel:
    """What one message changed."""

    batch: Batch | None
    frames: Sequence[Frame]
    then: Sequence[Then]
    fail: Sequence[Fail]


class SessionLog:
    """Numbers, encodes and keeps what happens; publishes it when it is durable.

    Args:
        feed: where it is published.
        journal: where it is kept.
        head: the number of the last event.
        checkpointed: the items of the checkpoint that stands in the journal.
    """

    def __init__(self, feed: Feed, journal: Journal, head: int, checkpointed: Iterable[ItemId] = ()) -> None:
        self.open_items = OpenItems()
        self.seq = head
        self._feed = feed
        self._journal = journal
        self._veil = journal.veil
        self._ends: dict[ItemId, tuple[str, str]] = {}
        """Of each item that streams: the last characters that were shown, and what may be the beginning of a secret."""
        self._entries: list[Entry] = []
        self._frames: list[Frame] = []
        self._then: list[Then] = []
        self._fail: list[Fail] = []
        self._keys: list[StoredKey] = []
        self._attachments: list[Attachment] = []
        self._usage: list[UsageEntry] = []
        self._parcels: list[_Parcel] = []
        self._sending = False
        self._broken = False
        self._held = False
        self._wake = trio.Event()
        self._sent = trio.Event()
        self._checkpointed = 0.0
        self._checkpoint_due = False
        self._checkpoint_items = frozenset(checkpointed)

    def record(
        self, draft: Draft, *, turn: int | None, provider: ProviderName | None, at: datetime | None = None
    ) -> int:
        """Give a draft its number. `at`: when it happened; None: now."""
        self.seq += 1
        event, body = self._encode(draft, turn, provider, at or utc_now())
        closes = event.metadata.item_id if isinstance(event.metadata, Said) else None
        if closes is not None:
            self._close(closes)
        approval = event.metadata if isinstance(event.metadata, Approval) else None
        self._entries.append(Entry(self.seq, event.event_type, body))
        self._frames.append(EventFrame(self.seq, jsonrpc.notification("session/event", body), closes, approval, event))
        return self.seq

    def _encode(
        self, draft: Draft, turn: int | None, provider: ProviderName | None, at: datetime
    ) -> tuple[Event, bytes]:
        def event_of(draft: Draft) -> Event:
            return draft.at(self._feed.session_id, self.seq, turn=turn, provider=provider, timestamp=at)

        kept, body = bounded(draft, lambda draft: codec.encode(event_of(draft)))
        if kept is not draft:  # a cut through the middle of a secret would leave half of it
            kept, body = bounded(self._veil.value(draft), lambda draft: codec.encode(event_of(draft)))
        return event_of(kept), body

    def stream(self, delta: Delta, turn: int | None) -> None:
        """A piece of text: no number, never kept. Of an endless one the rest is not streamed: the gap shows. Its end
        waits for the next piece where it may be the beginning of a secret."""
        if self.open_items.length(delta.item_id) > LONGEST:
            return
        text = self._showable(delta)
        if not text and delta.text:
            return
        offset = self.open_items.append(delta.item_id, delta.kind, text, delta.parent_tool_use_id)
        told = SessionDelta(
            session_id=self._feed.session_id,
            turn=turn,
            item_id=delta.item_id,
            after_seq=self.seq,
            kind=delta.kind,
            offset=offset,
            text=text,
            parent_tool_use_id=delta.parent_tool_use_id,
        )
        payload = jsonrpc.notification("session/delta", codec.encode(told))
        self._frames.append(DeltaFrame(payload, delta.item_id, delta.kind, text, delta.parent_tool_use_id))

    def _showable(self, delta: Delta) -> str:
        """All pieces together are the text of the closing event. Of an item that is cut what waits is never shown, and
        is not in the event that closes it then."""
        shown, held = self._ends.get(delta.item_id, ("", ""))
        text, held = self._veil.secrets.parted(shown, held + delta.text)
        self._ends[delta.item_id] = ((shown + text)[1 - LEAST :], held)
        return text

    def void(self, item_id: ItemId, reason: str) -> None:
        """What streamed of an item is void."""
        self._close(item_id)
        told = ItemVoided(session_id=self._feed.session_id, item_id=item_id, reason=reason)
        self._frames.append(VoidFrame(jsonrpc.notification("session/itemVoided", codec.encode(told)), item_id))

    def _close(self, item_id: ItemId) -> None:
        """The checkpoint must not outlive it: a restart would close it once more."""
        self.open_items.close(item_id)
        self._ends.pop(item_id, None)
        self._checkpoint_due = self._checkpoint_due or item_id in self._checkpoint_items

    def then(self, act: Then, fail: Fail | None = None) -> None:
        """Do this once all that this message changed is durable, or else `fail`."""
        self._then.append(act)
        if fail is not None:
            self._fail.append(fail)

    def answer(self, reply: Reply[T], value: Callable[[], T]) -> None:
        """Whoever asked is told once all that this message changed is durable, or why it can't be."""
        self.then(lambda: reply.set(value()), reply.fail)

    def keep(
        self,
        *,
        keys: Sequence[StoredKey] = (),
        attachments: Sequence[Attachment] = (),
        usage: Sequence[UsageEntry] = (),
    ) -> None:
        """What becomes durable beside the events of this message."""
        self._keys.extend(keys)
        self._attachments.extend(attachments)
        self._usage.extend(usage)

    def commit(self, facts: Facts | None, *, queue: tuple[StoredPrompt, ...] | None = None) -> None:
        """The end of a message: all that it changed goes on together. Never waits.

        Args:
            facts: as they are now, if they are others.
            queue: the whole queue, if it is another.
        """
        batch, frames = self._batch(facts, queue), self._frames
        if batch is not None and (kept := self._veil.batch(batch)) is not batch:
            entries = {entry.seq: entry for entry in kept.events}
            batch, frames = kept, [_retold(frame, entries) for frame in frames]
        parcel = _Parcel(batch, frames, self._then, self._fail)
        self._entries, self._frames, self._then, self._fail = [], [], [], []
        self._keys, self._attachments, self._usage = [], [], []
        if parcel.batch is None and not self._parcels and not self._sending:
            self._publish([parcel])
        else:
            self._parcels.append(parcel)
            self._wake.set()

    def _batch(self, facts: Facts | None, queue: tuple[StoredPrompt, ...] | None) -> Batch | None:
        """None for most messages: those that only bring deltas."""
        open_items = self._checkpoint()
        replaced = facts is not None or queue is not None or open_items is not None
        if not (replaced or self._entries or self._keys or self._attachments):
            return None
        return Batch(
            session_id=self._feed.session_id,
            events=tuple(self._entries),
            facts=codec.encode(facts) if facts is not None else None,
            queue=queue,
            open_items=open_items,
            keys=tuple(self._keys),
            attachments=tuple(self._attachments),
            usage=tuple(self._usage),
        )

    def _checkpoint(self) -> bytes | None:
        """The texts that stream: at most once a second, and when one of the last checkpoint has closed."""
        now = trio.current_time()
        if not self._checkpoint_due and (not self.open_items or now - self._checkpointed < CHECKPOINT_EVERY):
            return None
        items = self.open_items.snapshot()
        self._checkpointed, self._checkpoint_due = now, False
        self._checkpoint_items = frozenset(item.item_id for item in items)
        return codec.encode(items)

    async def room(self) -> None:
        """Wait while too much is not published yet."""
        while len(self._parcels) > ROOM and not self._broken:
            await self._sent.wait()

    @property
    def broken(self) -> bool:
        """Nothing becomes durable any more."""
        return self._broken

    @property
    def idle(self) -> bool:
        """All is durable and published."""
        return not self._parcels and not self._sending

    async def settled(self) -> None:
        """Wait until all is durable and published, or can't be any more."""
        while not self.idle and not self._broken:
            await self._sent.wait()

    async def settled_or_held(self) -> None:
        """As `settled`, but don't wait for a disk that takes nothing."""
        while not (self.idle or self._held or self._broken):
            await self._sent.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Make durable, then publish. Whatever came meanwhile goes together. While the disk takes nothing, all waits.

        Raises:
            JournalError: a fault of ours; nothing of what it failed with is published.
        """
        task_status.started()
        try:
            while True:
                await self._wake.wait()
                await self._send()
        finally:
            self._broken = True
            self._sent.set()

    async def _send(self) -> None:
        self._wake = trio.Event()
        parcels, self._parcels = self._parcels, []
        self._sending = True
        if batches := [parcel.batch for parcel in parcels if parcel.batch is not None]:
            await self._append(batches, parcels)
        self._publish(parcels)
        self._sending = False
        self._stir()

    def _stir(self) -> None:
        """Those who wait look again."""
        self._sent.set()
        self._sent = trio.Event()

    async def _append(self, batches: Sequence[Batch], parcels: Sequence[_Parcel]) -> None:
        try:
            while not await self._appended(batches, parcels):
                log.info("written again", session=self._feed.session_id)
        except JournalError as error:
            _fail((*parcels, *self._parcels), error)
            raise
        finally:
            self._held = False

    async def _appended(self, batches: Sequence[Batch], parcels: Sequence[_Parcel]) -> bool:
        """False once it may be tried again: the disk took nothing of it, and takes writes now."""
        try:
            await self._journal.append(batches)
        except JournalPaused as trouble:
            self._held = True
            self._stir()
            with trio.move_on_after(PATIENCE):
                await self._journal.healed()
                return False
            _fail(parcels, _taken(trouble))
            await self._journal.healed()
            return False
        return True

    def _publish(self, parcels: Sequence[_Parcel]) -> None:
        if frames := [frame for parcel in parcels for frame in parcel.frames]:
            self._feed.publish(frames)
        for parcel in parcels:
            for act in parcel.then:
                act()


def _retold(frame: Frame, kept: Mapping[int, Entry]) -> Frame:
    """As it is kept: who hears it now and who reads it later see the same."""
    if not isinstance(frame, EventFrame):
        return frame
    body = kept[frame.seq].body
    event = codec.decode(body, Event)
    approval = event.metadata if isinstance(event.metadata, Approval) else None
    return EventFrame(frame.seq, jsonrpc.notification("session/event", body), frame.closes, approval, event)


def _fail(parcels: Iterable[_Parcel], error: JournalError) -> None:
    for parcel in parcels:
        for fail in parcel.fail:
            fail(error)


def _taken(trouble: JournalPaused) -> JournalError:
    """Not retryable: asked again it would be done twice."""
    told = f"it is taken and not durable yet: it takes effect when the disk takes writes again ({trouble.message})"
    return JournalError(ErrorKind.JOURNAL_FAILED, told, remedy=trouble.remedy)
