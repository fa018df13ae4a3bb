"""The one read-write connection, and the thread that has it. Nobody else writes, and nobody else moves what was
written from the write-ahead log into the file: two connections that do so at once can damage it in SQLite < 3.51.3.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from jelmored.errors import ErrorKind, JournalDamaged, JournalError, JournalPaused
from jelmored.journal import damage
from jelmored.journal.backlog import Write
from jelmored.journal.changes import Changes, store
from jelmored.journal.engine import size_of, told, transaction, wal_of
from jelmored.journal.heads import Logs
from jelmored.journal.lock import locked
from jelmored.journal.removal import remove_unfinished
from jelmored.journal.reserve import Reserve
from jelmored.journal.salvage import Retell, Salvaged
from jelmored.journal.schema import Synchronous, opened
from jelmored.journal.sequence import removed

WAL_BYTES = 64 * 1024 * 1024
"""SQLite empties its write-ahead log by itself but never shrinks it; a long reader elsewhere makes it grow."""

SPARE_PAGES = 256
"""Free pages that the file keeps for what comes next. As many are given back at a time: a matter of milliseconds."""

LOOK_SECONDS = 1.0
"""Between looks whether a disk that took nothing takes writes again."""

Inbox = queue.SimpleQueue[Write | None]
"""Writes for the thread; None is the last. Bounded by the `Backlog` that lets them in."""

Changed = Callable[[JournalPaused | None], None]
"""Told, in the writer's thread, what is the matter with the disk, or that nothing is any more."""


class Writer:
    """The journal's file, opened, and its directory, owned.

    Args:
        path: for messages and sizes.
        connection: the read-write one.
        resources: closed with it.
        now: the wall clock, for the age of keys.
        reserve: given up when there is no room.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        resources: contextlib.ExitStack,
        now: Callable[[], datetime],
        reserve: Reserve | None = None,
    ) -> None:
        self.trouble: JournalPaused | None = None
        """Why the disk takes nothing, or next to nothing."""
        self.damage: JournalDamaged | None = None
        self.aside: tuple[Path, Salvaged] | None = None
        """Where the file is that was found damaged at the start, and what could be read of it."""
        self._reserve = reserve or Reserve(reserve_of(path))
        self._changed: Changed = lambda trouble: None
        self._looked = 0.0
        self._path = path
        self._wal = wal_of(path)
        self._connection = connection
        self._resources = resources
        self._now = now
        self._logs = Logs(connection)
        self._wal_limit = WAL_BYTES
        self._has_spare = True
        """Perhaps: a former life may have been cut before it had given all back."""

    @classmethod
    def open(
        cls,
        path: Path,
        synchronous: Synchronous,
        now: Callable[[], datetime],
        reserve: Reserve | None = None,
        retell: Retell | None = None,
    ) -> Writer:
        """Lock the state directory (made if it is not there), check and migrate the file, clear unfinished sessions.
        Where there is no room for the reserve, it is in trouble from the start.

        Args:
            retell: what a session is told as that was read out of a damaged file; None: a damaged one is refused.

        Raises:
            JournalError: it can't be had; nothing has been changed.
        """
        with contextlib.ExitStack() as stack, told(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(locked(path.parent))
            damage.take_up(path)
            connection, aside = _opened(path, synchronous, now, retell)
            stack.enter_context(contextlib.closing(connection))
            with transaction(connection):
                remove_unfinished(connection)
            writer = cls(path, connection, stack.pop_all(), now, reserve)
        writer.aside = aside
        writer.look()
        return writer

    def serve(
        self, inbox: Inbox, settled: Callable[[Sequence[Write]], None], changed: Changed = lambda trouble: None
    ) -> None:
        """Write what comes until None does, then close. While one group is written the next one gathers. While nothing
        comes, room that removed sessions have left is given back.

        Raises:
            JournalDamaged: the file is; nothing more can be written to it.
        """
        self._changed = changed
        self._changed(self.trouble)
        with contextlib.closing(self):
            for group in _groups(inbox, self._patience, self.give_back):
                self.write(group)
                too_long = self._wal_is_too_long()  # asked first: once the loop goes on, the interpreter is its own
                settled(group)
                if self.damage is not None:
                    raise self.damage
                if too_long:
                    self._shrink_wal()
                if self.trouble is not None and self._patience() == 0:
                    self.look()

    def _patience(self) -> float | None:
        """Seconds until it is time to look whether the disk is well again."""
        return None if self.trouble is None else max(0.0, self._looked + LOOK_SECONDS - time.monotonic())

    def close(self) -> None:
        """Close the file and give the directory up."""
        self._resources.close()

    def write(self, writes: Sequence[Write]) -> None:
        """Make all of them durable in one transaction; each one that fails has its `error` afterwards."""
        if not writes:
            return
        try:
            self._make_durable(writes)
        except JournalError as error:
            self._logs.forget()
            if isinstance(error, JournalPaused):
                self._note(error)
            if isinstance(error, JournalDamaged):
                damage.suspect(self._path)
                self.damage = error
            for write in writes:
                write.fail(error)

    def _make_durable(self, writes: Sequence[Write]) -> None:
        """Where there is no room for it, by what the reserve gives."""
        try:
            self._store(writes)
        except JournalPaused as error:
            if error.kind is not ErrorKind.JOURNAL_FULL or not self._reserve.give_up():
                raise
            self._logs.forget()
            self._note(error)
            self._store(writes)

    def _store(self, writes: Sequence[Write]) -> None:
        with told(self._path), transaction(self._connection):
            changes = self._changes(writes)
            store(self._connection, changes, self._now)
        self._logs.drop(changes.removed.values())
        self._has_spare = self._has_spare or bool(changes.removed)

    def give_back(self) -> bool:
        """Some of the room that is free in the file, to the disk. False: there is no more to give."""
        if not self._has_spare or self.trouble is not None:
            return False
        self._has_spare = False
        with contextlib.suppress(sqlite3.Error):  # it does as it is, until something is removed again
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            if free > SPARE_PAGES:
                # By a script: the binding takes one step of a statement without columns, and each gives back one page.
                self._connection.executescript(f"PRAGMA incremental_vacuum({SPARE_PAGES})")
                (left,) = self._connection.execute("PRAGMA freelist_count").fetchone()
                self._has_spare = left < free
                if not self._has_spare or left <= SPARE_PAGES:
                    self._shrink_wal()  # the file is cut when the log is emptied
        return self._has_spare

    def _note(self, trouble: JournalPaused | None) -> None:
        """The one line that changes it; the time of the first look is counted from here."""
        self.trouble, self._looked = trouble, time.monotonic()
        self._changed(trouble)

    def look(self) -> None:
        """See whether the disk has room, and takes a commit."""
        try:
            with told(self._path):
                self._reserve.keep()
                self._prove()
        except JournalPaused as trouble:
            self._note(trouble)
        except JournalError as error:
            self._note(JournalPaused(error.kind, error.message))
        else:
            self._note(None)

    def _prove(self) -> None:
        """A commit that changes nothing, and is written and synced as any other."""
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        with transaction(self._connection):
            self._connection.execute(f"PRAGMA user_version = {version}")

    def _changes(self, writes: Sequence[Write]) -> Changes:
        changes = Changes()
        for write in writes:
            try:
                self._admit(write, changes)
                changes.providers.update(write.providers)
            except JournalError as refusal:
                write.fail(refusal)
        return changes

    def _admit(self, write: Write, changes: Changes) -> None:
        for batch in write.batches:
            log = self._logs.of(batch.session_id)
            if log.removed and not batch.removed:
                raise removed(batch.session_id)
            source = self._logs.of(batch.takes_over) if batch.takes_over is not None else None
            log.go_on(batch, source)
            changes.add(log, batch)
            if source is not None:
                changes.take_over(source, log)

    def _wal_is_too_long(self) -> bool:
        return size_of(self._wal) > self._wal_limit

    def _shrink_wal(self) -> None:
        # What stands in the way, a reader or the disk, is tried again when it has grown as much again.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._wal_limit = size_of(self._wal) + WAL_BYTES

    def size_bytes(self) -> int:
        """What the journal takes on disk."""
        return size_of(self._path) + size_of(self._wal)


def _opened(
    path: Path, synchronous: Synchronous, now: Callable[[], datetime], retell: Retell | None
) -> tuple[sqlite3.Connection, tuple[Path, Salvaged] | None]:
    """A connection, to a fresh journal if what is there is damaged: then also where that is now."""
    aside: tuple[Path, Salvaged] | None = None
    try:
        with told(path):
            connection = opened(path, synchronous, suspect=damage.is_suspect(path))
    except JournalDamaged:
        if retell is None:
            raise
        aside = damage.set_aside(path, synchronous, retell, now)
        connection = opened(path, synchronous)
    damage.acquit(path)
    return connection, aside


def reserve_of(path: Path) -> Path:
    """The file beside the journal that keeps room for it."""
    return path.with_name(f"{path.name}.reserve")


def _groups(inbox: Inbox, patience: Callable[[], float | None], meanwhile: Callable[[], bool]) -> Iterator[list[Write]]:
    """All that waits, as often as there is something; nothing, when patience has an end. `meanwhile`: done as long as
    there is nothing, until it has nothing to do."""
    while True:
        while inbox.empty() and meanwhile():
            pass
        try:
            first = inbox.get(timeout=patience())
        except queue.Empty:
            yield []
            continue
        taken = [first, *(inbox.get_nowait() for _ in range(inbox.qsize()))]
        writes = [write for write in taken if write is not None]
        if writes:
            yield writes
        if len(writes) < len(taken):
            return
