"""Where each log stands, so that the writer need not ask the file before every batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import attrs

from jelmored.domain.ids import SessionId
from jelmored.journal.base import Batch
from jelmored.journal.removal import was_removed
from jelmored.journal.sequence import Pages, follow

NO_ROW = 0
"""Rows are counted from 1."""

FIND = """
    SELECT id, head, (SELECT min(seq) FROM events WHERE session = sessions.id), facts IS NULL
    FROM sessions WHERE session_id = ?
"""


@attrs.define
class Log:
    """A session's row in the file, and the head of its log.

    Args:
        begins_after: the event behind which it begins.
        nobodys: its facts have not come.
        removed: there is nothing more to come.
        is_new: nothing of it is in the file yet.
    """

    row: int
    session_id: SessionId
    head: int = 0
    begins_after: int = 0
    nobodys: bool = True
    removed: bool = False
    is_new: bool = False

    @property
    def pages(self) -> Pages:
        return Pages(self.begins_after, self.head, self.nobodys and not self.removed)

    def go_on(self, batch: Batch, source: Log | None) -> None:
        """With a batch. Raises `JournalError` if it may not come next.

        Args:
            source: what it takes over; there is nothing more to come under that id.
        """
        self.head = follow(batch, self.head, source.pages if source else None)
        if source is not None:
            source.removed = True
            if self.is_new:  # the row of its pages becomes its own: they need not be moved, however many they are
                self.row, source.row = source.row, self.row
        self.begins_after = batch.begins_after or self.begins_after
        self.nobodys = self.nobodys and batch.facts is None
        self.removed = batch.removed
        self.is_new = False


class Logs:
    """The logs that were written to since the start, by session. Only the writer's thread may use it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[SessionId, Log] = {}
        self._last_row: int | None = None

    def of(self, session_id: SessionId) -> Log:
        """A session's log; an empty one, with a row of its own, if there is none yet."""
        log = self._known.get(session_id)
        if log is None:
            log = self._known[session_id] = self._find(session_id)
        return log

    def drop(self, logs: Iterable[Log]) -> None:
        """They were removed, and that is in the file: it knows which may be begun anew."""
        for log in logs:
            self._known.pop(log.session_id, None)

    def forget(self) -> None:
        """What was told last has been rolled back; the file knows what is."""
        self._known.clear()
        self._last_row = None

    def _find(self, session_id: SessionId) -> Log:
        found = self._connection.execute(FIND, (session_id,)).fetchone()
        if found:
            row, head, first, nobodys = found
            return Log(row, session_id, head, head if first is None else first - 1, bool(nobodys))
        if was_removed(self._connection, session_id):
            return Log(NO_ROW, session_id, removed=True)
        return Log(self._new_row(), session_id, is_new=True)

    def _new_row(self) -> int:
        if self._last_row is None:
            (self._last_row,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()
        self._last_row += 1
        return self._last_row
