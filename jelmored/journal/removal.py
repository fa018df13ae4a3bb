"""What goes with a session: everything but its id, which is remembered so that nothing is kept under it again,
and what it took, which stays in the sums. What never became a session is not remembered: it may be begun anew."""

from __future__ import annotations

import sqlite3

from jelmored.domain.ids import SessionId
from jelmored.journal.sums import release

UNSHARED_ATTACHMENTS = """
    DELETE FROM attachments
    WHERE sha256 IN (SELECT sha256 FROM attachment_uses WHERE session = :row)
    AND NOT EXISTS (
        SELECT 1 FROM attachment_uses AS other WHERE other.sha256 = attachments.sha256 AND other.session <> :row
    )
"""
REMEMBER = """
    INSERT INTO removed SELECT session_id FROM sessions WHERE id = :row AND facts IS NOT NULL ON CONFLICT DO NOTHING
"""
PARTS = (
    UNSHARED_ATTACHMENTS,
    "DELETE FROM attachment_uses WHERE session = :row",
    "DELETE FROM events WHERE session = :row",
    "DELETE FROM open_items WHERE session = :row",
    "DELETE FROM prompts WHERE session = :row",
    "DELETE FROM sessions WHERE id = :row",
)
"""By the session's row, in this order."""


def remove(connection: sqlite3.Connection, row: int, session_id: SessionId) -> None:
    """Delete a session in a transaction that has begun. One that is gone already stays so."""
    connection.execute(REMEMBER, {"row": row})
    for part in PARTS:
        connection.execute(part, {"row": row})
    release(connection, session_id)
    connection.execute("DELETE FROM keys WHERE session_id = ?", (session_id,))


def was_removed(connection: sqlite3.Connection, session_id: SessionId) -> bool:
    """See `Journal.was_removed`."""
    return connection.execute("SELECT 1 FROM removed WHERE session_id = ?", (session_id,)).fetchone() is not None


def remove_unfinished(connection: sqlite3.Connection) -> None:
    """Delete the sessions whose facts never came: who was making them has died. In a transaction that has begun."""
    for row, session_id in connection.execute("SELECT id, session_id FROM sessions WHERE facts IS NULL").fetchall():
        remove(connection, row, session_id)
