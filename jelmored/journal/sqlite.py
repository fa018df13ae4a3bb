"""The journal on disk: appends go to the writer's thread and come back durable, reads run in threads beside it.

A group is written as soon as the writer is free: one append when it is calm, a thousand under load, one sync for all.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.times import utc_now
from jelmored.domain.usage import UsageKey, UsageRow
from jelmored.errors import JournalDamaged, JournalPaused
from jelmored.journal import damage, reader, removal, sums
from jelmored.journal.backlog import Backlog, Write, weight
from jelmored.journal.base import PAGE_BYTES, PAGE_EVENTS, Batch, JournalStatus, Page, StoredKey, StoredSession
from jelmored.journal.door import Door, stopped
from jelmored.journal.reserve import BYTES, Reserve
from jelmored.journal.salvage import Retell, Salvaged
from jelmored.journal.schema import Synchronous
from jelmored.journal.veil import Veil
from jelmored.journal.writer import Changed, Inbox, Writer, reserve_of

T = TypeVar("T")
log = structlog.get_logger(__name__)

READERS = 2
"""Threads that read at once: more would only wait for the interpreter."""
GRACE = 5.0
"""Seconds for what was appended before the stop; a disk that hangs longer is left alone."""


class SqliteJournal:
    """A `Journal` in one SQLite file.

    Args:
        path: the file; its directory belongs to one running journal at a time.
        synchronous: `full` syncs before an append returns; `normal` may lose the last ones with the power.
        now: the wall clock, for the age of keys.
        changed: told when the disk takes no writes any more, and why, and when it takes them again (None).
        reserve: bytes on the disk that are kept free for when there are no others.
        retell: what a session is told as that was read out of a damaged file; None: a damaged one is refused.
        veil: takes out of it what must not stand here.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Synchronous = "full",
        now: Callable[[], datetime] = utc_now,
        changed: Changed = lambda trouble: None,
        reserve: int = BYTES,
        retell: Retell | None = None,
        veil: Veil | None = None,
    ) -> None:
        self.veil = veil or Veil()
        self._retell = retell
        self._path = path
        self._reserve = Reserve(reserve_of(path), reserve)
        self._changed = changed
        self._trouble: JournalPaused | None = None
        self._healed = trio.Event()
        self._damage: JournalDamaged | None = None
        self._synchronous = synchronous
        self._now = now
        self._door = Door()
        self._backlog = Backlog()
        self._inbox: Inbox = Inbox()
        self._writer: Writer | None = None
        self._reader = reader.Reader(path)
        self._read_threads = trio.CapacityLimiter(READERS)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open, migrate, write until cancelled; what was appended before is written first.

        Raises:
            JournalError: it can't be opened: in use, damaged, newer, another program's, no room, no permission.
        """
        with self._door.closed_after():
            if self._damage is not None:  # what the sessions know is not what could be read of the file now
                raise self._damage.again()
            writer = await trio.to_thread.run_sync(
                Writer.open, self._path, self._synchronous, self._now, self._reserve, self._retell
            )
            if writer.aside is not None:
                _tell_damage(*writer.aside)
            async with trio.open_nursery() as nursery:
                with self._opened(writer) as (inbox, shield):
                    nursery.start_soon(self._write, writer, inbox, shield)
                    task_status.started()
                    await trio.sleep_forever()

    @contextlib.contextmanager
    def _opened(self, writer: Writer) -> Iterator[tuple[Inbox, trio.CancelScope]]:
        """Let appends and reads in for the length of the block. Then the thread has `GRACE` to write the last ones."""
        self._writer, self._inbox, self._reader = writer, Inbox(), reader.Reader(self._path)
        self._note(writer.trouble)
        shield = trio.CancelScope(shield=True)
        self._door.open()
        try:
            yield self._inbox, shield
        finally:
            self._door.close()
            self._reader.close()
            self._inbox.put(None)
            self._trouble = None  # nobody is told that all is well: who waited learns from the door that it has stopped
            self._healed.set()
            shield.deadline = trio.current_time() + GRACE

    async def _write(self, writer: Writer, inbox: Inbox, shield: trio.CancelScope) -> None:
        token = trio.lowlevel.current_trio_token()

        def settled(writes: Sequence[Write]) -> None:
            with contextlib.suppress(trio.RunFinishedError):  # it hung, and nobody waits for it any more
                token.run_sync_soon(self._backlog.settle, writes)

        def changed(trouble: JournalPaused | None) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(self._note, trouble)

        try:
            with shield:
                await trio.to_thread.run_sync(
                    writer.serve,
                    inbox,
                    settled,
                    changed,
                    thread_name="journal",
                    abandon_on_cancel=True,
                    limiter=trio.CapacityLimiter(1),
                )
        except JournalDamaged as damage:
            self._damage = damage
            raise
        finally:
            self._backlog.fail(stopped())

    def _note(self, trouble: JournalPaused | None) -> None:
        """The disk took a write, or refused one."""
        known, self._trouble = self._trouble, trouble
        if trouble is None:
            self._healed.set()
        elif known is None:
            self._healed = trio.Event()
        if (known and known.kind) != (trouble and trouble.kind):
            self._changed(trouble)

    @property
    def trouble(self) -> JournalPaused | None:
        """See `Journal.trouble`."""
        return self._trouble

    async def healed(self) -> None:
        """See `Journal.healed`."""
        while self._trouble is not None:
            await self._healed.wait()

    async def append(self, batches: Sequence[Batch]) -> None:
        """See `Journal.append`. Waits while 1024 appends or 16 MiB are on their way."""
        kept = tuple(map(self.veil.batch, batches))
        await self._write_out(Write(kept, sum(map(weight, kept))))

    async def keep_provider(self, name: ProviderName, body: bytes) -> None:
        """See `Journal.keep_provider`."""
        await self._write_out(Write((), len(body), providers={name: self.veil.json(body)}))

    async def providers(self) -> Mapping[ProviderName, bytes]:
        """See `Journal.providers`."""
        return await self._query(reader.providers)

    async def _write_out(self, write: Write) -> None:
        await self._door.enter()
        await self._backlog.wait_room(write.size)
        self._door.check()
        self._backlog.add(write)
        self._inbox.put(write)
        await write.done.wait()
        if write.error is not None:
            raise write.error

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
        return await self._query(lambda file: reader.page(file, session_id, after, before, limit, max_bytes))

    async def sessions(self) -> Sequence[StoredSession]:
        """See `Journal.sessions`."""
        return await self._query(reader.sessions)

    async def session(self, session_id: SessionId) -> StoredSession | None:
        """See `Journal.session`."""
        return await self._query(lambda file: reader.session(file, session_id))

    async def was_removed(self, session_id: SessionId) -> bool:
        """See `Journal.was_removed`."""
        return await self._query(lambda file: removal.was_removed(file, session_id))

    async def key(self, session_id: SessionId | None, key: str) -> StoredKey | None:
        """See `Journal.key`."""
        return await self._query(lambda file: reader.key(file, session_id, key, self._now()))

    async def attachment(self, sha256: str) -> bytes | None:
        """See `Journal.attachment`."""
        return await self._query(lambda file: reader.attachment(file, sha256))

    async def usage(self, by: UsageKey, *, since: str = "", until: str | None = None) -> Sequence[UsageRow]:
        """See `Journal.usage`."""
        return await self._query(lambda file: sums.usage(file, by, since, until))

    async def _query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        await self._door.enter()
        try:
            return await trio.to_thread.run_sync(self._reader.run, query, limiter=self._read_threads)
        except JournalDamaged:
            await trio.to_thread.run_sync(damage.suspect, self._path)
            raise

    def status(self) -> JournalStatus:
        """How it is now; returns at once."""
        oldest = self._backlog.oldest()
        return JournalStatus(
            ok=self._door.is_open and self._trouble is None,
            size_bytes=self._writer.size_bytes() if self._writer else 0,
            lag_ms=0.0 if oldest is None else (trio.current_time() - oldest) * 1000,
            trouble=self._trouble,
            damaged=self._writer.aside[0] if self._writer and self._writer.aside else None,
        )


def _tell_damage(aside: Path, found: Salvaged) -> None:
    log.error(
        "the journal was damaged: it is set aside, and what could be read of it is in a fresh one",
        damaged=str(aside),
        whole_sessions=found.whole,
        cut_sessions=found.cut,
        lost_sessions=found.lost,
        remedy="docs/reliability.md, A damaged journal",
    )
