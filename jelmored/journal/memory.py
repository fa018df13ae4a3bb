"""The journal in memory: for tests, and where nothing needs to outlive the daemon. It keeps all that is appended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import add

import attrs
import trio

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.times import utc_now
from jelmored.domain.usage import UsageEntry, UsageKey, UsageRow
from jelmored.errors import JournalPaused
from jelmored.journal.base import (
    KEY_AGE,
    PAGE_BYTES,
    PAGE_EVENTS,
    Batch,
    Entry,
    JournalStatus,
    Page,
    StoredKey,
    StoredPrompt,
    StoredSession,
)
from jelmored.journal.door import Door
from jelmored.journal.sequence import Pages, cut, follow, removed
from jelmored.journal.veil import Veil

KEY_OF: Mapping[UsageKey, Callable[[UsageEntry], str]] = {
    UsageKey.SESSION: lambda entry: entry.session_id,
    UsageKey.PROVIDER: lambda entry: entry.provider,
    UsageKey.MODEL: lambda entry: entry.model,
    UsageKey.DAY: lambda entry: entry.day,
}


def _sum(key: str, entries: Sequence[UsageEntry]) -> UsageRow:
    every = reduce(add, (entry.usage for entry in entries))
    return UsageRow(
        key=key,
        input_tokens=every.input_tokens,
        output_tokens=every.output_tokens,
        cache_read_tokens=every.cache_read_tokens,
        cache_write_tokens=every.cache_write_tokens,
        cost_usd=every.billed_usd,
        notional_usd=every.notional_usd,
        turns=len(entries),
    )


@attrs.define
class _Log:
    entries: list[Entry] = attrs.field(factory=list)
    begins_after: int = 0
    facts: bytes | None = None
    queue: tuple[StoredPrompt, ...] = ()
    open_items: bytes = b"[]"

    @property
    def head(self) -> int:
        return self.begins_after + len(self.entries)

    @property
    def pages(self) -> Pages:
        return Pages(self.begins_after, self.head, self.facts is None)

    def between(self, after: int, before: int) -> range:
        """Where the entries with such numbers stand."""
        return range(max(after - self.begins_after, 0), min(before - 1, self.head) - self.begins_after)

    def stored(self, session_id: SessionId) -> StoredSession | None:
        """None until its facts have come."""
        if self.facts is None:
            return None
        return StoredSession(
            session_id=session_id,
            seq=self.head,
            facts=self.facts,
            queue=self.queue,
            open_items=self.open_items,
        )


class MemoryJournal:
    """A `Journal` whose appends take effect at once. Run again, it goes on with what it had.

    Args:
        now: the wall clock, for the age of keys.
        veil: takes out of it what must not stand here.
    """

    def __init__(self, *, now: Callable[[], datetime] = utc_now, veil: Veil | None = None) -> None:
        self.veil = veil or Veil()
        self._now = now
        self._door = Door()
        self._logs: dict[SessionId, _Log] = {}
        self._keys: dict[tuple[SessionId | None, str], StoredKey] = {}
        self._attachments: dict[str, bytes] = {}
        self._uses: defaultdict[str, set[SessionId]] = defaultdict(set)
        self._removed: set[SessionId] = set()
        self._providers: dict[ProviderName, bytes] = {}
        self._usage: list[UsageEntry] = []
        self.trouble: JournalPaused | None = None
        """Memory has none; a test may give it some."""

    async def healed(self) -> None:
        """See `Journal.healed`."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let appends and reads in until cancelled."""
        with self._door.closed_after():
            for session_id in [session_id for session_id, log in self._logs.items() if log.facts is None]:
                self._remove(session_id)
            self._door.open()
            task_status.started()
            await trio.sleep_forever()

    async def _enter(self) -> None:
        await trio.lowlevel.checkpoint()
        await self._door.enter()

    async def append(self, batches: Sequence[Batch]) -> None:
        """See `Journal.append`."""
        await self._enter()
        for batch in map(self.veil.batch, batches):
            self._apply(batch)

    def _apply(self, batch: Batch) -> None:
        if batch.session_id in self._removed and not batch.removed:
            raise removed(batch.session_id)
        log = self._logs.get(batch.session_id) or _Log()
        source = self._logs.get(batch.takes_over, _Log()) if batch.takes_over is not None else None
        follow(batch, log.head, source.pages if source else None)
        self._logs[batch.session_id] = log
        log.begins_after = log.begins_after or batch.begins_after
        if source is not None and batch.takes_over is not None:
            log.entries.extend(source.entries)
            self._hand_over(batch.takes_over, batch.session_id)
        log.entries.extend(batch.events)
        log.facts = log.facts if batch.facts is None else batch.facts
        log.queue = log.queue if batch.queue is None else batch.queue
        log.open_items = log.open_items if batch.open_items is None else batch.open_items
        if batch.keys:
            self._expire_keys()
        for key in batch.keys:
            self._keys[None if key.daemon_wide else batch.session_id, key.key] = key
        for attachment in batch.attachments:
            self._attachments.setdefault(attachment.sha256, attachment.data)
        for sha256 in (*(attachment.sha256 for attachment in batch.attachments), *batch.refers_to):
            self._uses[sha256].add(batch.session_id)
        self._usage.extend(batch.usage)
        if batch.removed:
            self._remove(batch.session_id)

    def _hand_over(self, source: SessionId, target: SessionId) -> None:
        for users in self._uses.values():
            if source in users:
                users.add(target)
        self._remove(source)

    def _remove(self, session_id: SessionId) -> None:
        if self._logs.pop(session_id).facts is not None:
            self._removed.add(session_id)
        self._usage = [
            attrs.evolve(entry, session_id=SessionId("")) if entry.session_id == session_id else entry
            for entry in self._usage
        ]
        self._keys = {name: key for name, key in self._keys.items() if name[0] != session_id}
        for sha256, users in list(self._uses.items()):
            users.discard(session_id)
            if not users:
                del self._uses[sha256]
                self._attachments.pop(sha256, None)

    def _expire_keys(self) -> None:
        oldest = self._now() - KEY_AGE
        self._keys = {name: key for name, key in self._keys.items() if key.created_at > oldest}

    async def read(
        self,
        session_id: SessionId,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = PAGE_EVENTS,
        max_bytes: int = PAGE_BYTES,
    ) -> Page:
        """See `Journal.read`."""
        await self._enter()
        log = self._logs.get(session_id, _Log())
        found = log.between(after, log.head + 1 if before is None else before)
        if before is None:
            return cut((log.entries[index] for index in found), limit, max_bytes)
        page = cut((log.entries[index] for index in reversed(found)), limit, max_bytes)
        return Page(page.entries[::-1], page.has_more)

    async def sessions(self) -> Sequence[StoredSession]:
        """See `Journal.sessions`."""
        await self._enter()
        every = (log.stored(session_id) for session_id, log in self._logs.items())
        return [stored for stored in every if stored is not None]

    async def session(self, session_id: SessionId) -> StoredSession | None:
        """See `Journal.session`."""
        await self._enter()
        log = self._logs.get(session_id)
        return None if log is None else log.stored(session_id)

    async def was_removed(self, session_id: SessionId) -> bool:
        """See `Journal.was_removed`."""
        await self._enter()
        return session_id in self._removed

    async def key(self, session_id: SessionId | None, key: str) -> StoredKey | None:
        """See `Journal.key`."""
        await self._enter()
        found = self._keys.get((session_id, key))
        return found if found is not None and found.created_at > self._now() - KEY_AGE else None

    async def attachment(self, sha256: str) -> bytes | None:
        """See `Journal.attachment`."""
        await self._enter()
        return self._attachments.get(sha256)

    async def keep_provider(self, name: ProviderName, body: bytes) -> None:
        """See `Journal.keep_provider`."""
        await self._enter()
        self._providers[name] = self.veil.json(body)

    async def providers(self) -> Mapping[ProviderName, bytes]:
        """See `Journal.providers`."""
        await self._enter()
        return dict(self._providers)

    async def usage(self, by: UsageKey, *, since: str = "", until: str | None = None) -> Sequence[UsageRow]:
        """See `Journal.usage`."""
        await self._enter()
        key = KEY_OF[by]
        found = [entry for entry in self._usage if since <= entry.day and (until is None or entry.day <= until)]
        return [_sum(name, [entry for entry in found if key(entry) == name]) for name in sorted({*map(key, found)})]

    def status(self) -> JournalStatus:
        """How it is now; nothing ever waits, nothing is on disk."""
        return JournalStatus(ok=self._door.is_open, size_bytes=0, lag_ms=0.0)
