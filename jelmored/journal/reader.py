"""Reads from the journal's file, beside the writer: each a short transaction of its own, on a read-only connection.

A read that stayed open would keep the write-ahead log from being emptied: nothing is read piecemeal.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.journal.base import KEY_AGE, Entry, Page, StoredKey, StoredPrompt, StoredSession
from jelmored.journal.changes import DAEMON_WIDE, from_microseconds, key_owner, to_microseconds
from jelmored.journal.engine import connect, told, transaction
from jelmored.journal.sequence import cut

T = TypeVar("T")

END = 2**63 - 1
"""No log gets so far, and the engine takes no larger number."""

EVENTS = """
    SELECT seq, type, body FROM events
    WHERE session = (SELECT id FROM sessions WHERE session_id = ?) AND seq > ? AND seq < ?
"""
FIRST_EVENTS = EVENTS + "ORDER BY seq LIMIT ?"
LAST_EVENTS = EVENTS + "ORDER BY seq DESC LIMIT ?"

SESSIONS = """
    SELECT id, session_id, head, facts, body
    FROM sessions LEFT JOIN open_items ON session = id
    WHERE facts IS NOT NULL {which} ORDER BY id
"""
QUEUES = """
    SELECT session, prompt_id, body
    FROM prompts JOIN sessions ON id = session
    WHERE facts IS NOT NULL {which} ORDER BY session, place
"""
ONE = "AND session_id = ?"


class Reader:
    """Read-only connections, lent to one thread at a time; as many as there are threads that read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection. One on which it failed is not used again.

        Raises:
            JournalError: the engine failed.
        """
        with told(self._path), contextlib.ExitStack() as stack:
            connection = stack.enter_context(contextlib.closing(self._borrow()))
            result = query(connection)
            stack.pop_all()
            self._give_back(connection)
            return result

    def close(self) -> None:
        """Close all connections, those that are lent when they come back."""
        self._closed = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _borrow(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path, writable=False)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._closed:
            self.close()


def page(
    connection: sqlite3.Connection, session_id: SessionId, after: int, before: int | None, limit: int, max_bytes: int
) -> Page:
    """See `Journal.read`."""
    query, end = (FIRST_EVENTS, END) if before is None else (LAST_EVENTS, min(before, END))
    with contextlib.closing(connection.execute(query, (session_id, min(after, END), end, limit + 1))) as rows:
        found = cut((Entry(*row) for row in rows), limit, max_bytes)
    return found if before is None else Page(found.entries[::-1], found.has_more)


def sessions(connection: sqlite3.Connection) -> list[StoredSession]:
    """See `Journal.sessions`."""
    with transaction(connection, "BEGIN"):
        return _stored(connection, "", ())


def session(connection: sqlite3.Connection, session_id: SessionId) -> StoredSession | None:
    """See `Journal.session`."""
    with transaction(connection, "BEGIN"):
        return next(iter(_stored(connection, ONE, (session_id,))), None)


def _stored(connection: sqlite3.Connection, which: str, values: tuple[str, ...]) -> list[StoredSession]:
    queues: dict[int, list[StoredPrompt]] = defaultdict(list)
    for row, prompt_id, body in connection.execute(QUEUES.format(which=which), values):
        queues[row].append(StoredPrompt(prompt_id, body))
    return [
        StoredSession(session_id=session_id, seq=head, facts=facts, queue=tuple(queues[row]), open_items=items or b"[]")
        for row, session_id, head, facts, items in connection.execute(SESSIONS.format(which=which), values).fetchall()
    ]


def key(connection: sqlite3.Connection, session_id: SessionId | None, key: str, now: datetime) -> StoredKey | None:
    """See `Journal.key`."""
    owner = key_owner(session_id)
    found = connection.execute(
        "SELECT digest, answer, created_at FROM keys WHERE session_id = ? AND key = ? AND created_at > ?",
        (owner, key, to_microseconds(now - KEY_AGE)),
    ).fetchone()
    if found is None:
        return None
    digest, answer, created_at = found
    return StoredKey(key, digest, answer, from_microseconds(created_at), daemon_wide=owner == DAEMON_WIDE)


def attachment(connection: sqlite3.Connection, sha256: str) -> bytes | None:
    """See `Journal.attachment`."""
    found = connection.execute("SELECT data FROM attachments WHERE sha256 = ?", (sha256,)).fetchone()
    return found[0] if found else None


def providers(connection: sqlite3.Connection) -> dict[ProviderName, bytes]:
    """See `Journal.providers`."""
    return dict(connection.execute("SELECT name, body FROM providers").fetchall())
