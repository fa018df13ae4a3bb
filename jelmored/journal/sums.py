"""The table of usage: a row for each day, session, provider and model, added to by every turn. Days and sums are read
from it, never from the logs; what a deleted session took stays, under no session."""

from __future__ import annotations

import sqlite3

from jelmored.domain.ids import SessionId
from jelmored.domain.usage import UsageKey, UsageRow

SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "notional_usd",
    "turns",
)
COLUMNS = ", ".join(("day", "session_id", "provider", "model", *SUMS))
ADDED = "ON CONFLICT (day, session_id, provider, model) DO UPDATE SET " + ", ".join(
    f"{name} = {name} + excluded.{name}" for name in SUMS
)
KEYS = {UsageKey.SESSION: "session_id", UsageKey.PROVIDER: "provider", UsageKey.MODEL: "model", UsageKey.DAY: "day"}

_SELECT = """
    SELECT {key}, {sums} FROM usage WHERE day >= ? AND day <= ? GROUP BY {key} ORDER BY {key}
"""
_RELEASE = " ".join((
    "INSERT INTO usage SELECT day, '', provider, model,",
    ", ".join(SUMS),
    "FROM usage WHERE session_id = ?",
    ADDED,
))
LAST_DAY = "9999-12-31"


def usage(connection: sqlite3.Connection, by: UsageKey, since: str, until: str | None) -> list[UsageRow]:
    """See `Journal.usage`."""
    query = _SELECT.format(key=KEYS[by], sums=", ".join(f"sum({name})" for name in SUMS))
    rows = connection.execute(query, (since, LAST_DAY if until is None else until)).fetchall()
    return [UsageRow(key=key, **dict(zip(SUMS, sums, strict=True))) for key, *sums in rows]


def release(connection: sqlite3.Connection, session_id: SessionId) -> None:
    """A session goes: what it took is nobody's from now on. In a transaction that has begun."""
    connection.execute(_RELEASE, (session_id,))
    connection.execute("DELETE FROM usage WHERE session_id = ?", (session_id,))
