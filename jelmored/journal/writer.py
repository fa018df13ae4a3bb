"""The one read-write connection, and the thread that has it. Nobody else writes, and nobody else moves what was
written from the write-ahead log into the file: two connections that do so at once can damage it in SQLite < 3.51.3.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from jelmored.errors import JournalError
from jelmored.journal.backlog import Write
from jelmored.journal.changes import Changes, store
from jelmored.journal.engine import size_of, told, transaction, wal_of
from jelmored.journal.heads import Logs
from jelmored.journal.lock import locked
from jelmored.journal.removal import remove_unfinished
from jelmored.journal.schema import Synchronous, opened
from jelmored.journal.sequence import follow, removed

WAL_BYTES = 64 * 1024 * 1024
"""SQLite empties its write-ahead log by itself but never shrinks it; a long reader elsewhere makes it grow."""

SPARE_PAGES = 256
"""Free pages that the file keeps for what comes next. As many are given back at a time: a matter of milliseconds."""

Inbox = SimpleQueue[Write | None]
"""Writes for the thread; None is the last. Bounded by the `Backlog` that lets them in."""


class Writer:
    """The journal's file, opened, and its directory, owned.

    Args:
        path: for messages and sizes.
        connection: the read-write one.
        resources: closed with it.
        now: the wall clock, for the age of keys.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, resources: contextlib.ExitStack, now: Callable[[], datetime]
    ) -> None:
        self.healthy = True
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
    def open(cls, path: Path, synchronous: Synchronous, now: Callable[[], datetime]) -> Writer:
        """Lock the state directory (made if it is not there), check and migrate the file, clear unfinished sessions.

        Raises:
            JournalError: it can't be had; nothing has been changed.
        """
        with contextlib.ExitStack() as stack, told(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(locked(path.parent))
            connection = stack.enter_context(contextlib.closing(opened(path, synchronous)))
            with transaction(connection):
                remove_unfinished(connection)
            return cls(path, connection, stack.pop_all(), now)

    def serve(self, inbox: Inbox, settled: Callable[[Sequence[Write]], None]) -> None:
        """Write what comes until None does, then close. While one group is written the next one gathers. While nothing
        comes, room that removed sessions have left is given back."""
        with contextlib.closing(self):
            for group in _groups(inbox, self.give_back):
                self.write(group)
                too_long = self._wal_is_too_long()  # asked first: once the loop goes on, the interpreter is its own
                settled(group)
                if too_long:
                    self._shrink_wal()

    def close(self) -> None:
        """Close the file and give the directory up."""
        self._resources.close()

    def write(self, writes: Sequence[Write]) -> None:
        """Make all of them durable in one transaction; each one that fails has its `error` afterwards."""
        try:
            with told(self._path), transaction(self._connection):
                store(self._connection, self._changes(writes), self._now)
        except JournalError as error:
            self.healthy = False
            self._logs.forget()
            for write in writes:
                write.fail(error)
        else:
            self.healthy = True
            self._has_spare = self._has_spare or any(batch.removed for write in writes for batch in write.batches)

    def give_back(self) -> bool:
        """Some of the room that is free in the file, to the disk. False: there is no more to give."""
        if not self._has_spare:
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
            log.head = follow(batch, log.head)
            log.removed = batch.removed
            changes.add(log, batch)

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


def _groups(inbox: Inbox, meanwhile: Callable[[], bool]) -> Iterator[list[Write]]:
    """All that waits, as often as there is something. `meanwhile`: done as long as there is nothing, until it has
    nothing to do."""
    while True:
        while inbox.empty() and meanwhile():
            pass
        taken = [inbox.get(), *(inbox.get_nowait() for _ in range(inbox.qsize()))]
        writes = [write for write in taken if write is not None]
        if writes:
            yield writes
        if len(writes) < len(taken):
            return
