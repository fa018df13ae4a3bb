"""Where each log stands, so that the writer need not ask the file before every batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import attrs

from jelmored.domain.ids import SessionId
from jelmored.journal.removal import was_removed

NO_ROW = 0
"""Rows are counted from 1."""


@attrs.define
class Log:
    """A session's row in the file, and the head of its log. `removed`: there is nothing more to come."""

    row: int
    session_id: SessionId
    head: int = 0
    removed: bool = False


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
        found = self._connection.execute("SELECT id, head FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
        if found:
            return Log(found[0], session_id, found[1])
        if was_removed(self._connection, session_id):
            return Log(NO_ROW, session_id, removed=True)
        return Log(self._new_row(), session_id)

    def _new_row(self) -> int:
        if self._last_row is None:
            (self._last_row,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()
        self._last_row += 1
        return self._last_row
