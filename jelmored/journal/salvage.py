"""What can be read of a damaged journal: each session's log from its first event up to the first that is not there or
is not what it says it is. Nothing behind a gap is taken over: a log without gaps is what every client relies on."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs
import orjson

from jelmored.domain.ids import SessionId
from jelmored.journal.base import Entry, StoredSession
from jelmored.journal.changes import EVENTS, SESSIONS, Row

PIECE = 64  # events that are copied at once

COPIED: Sequence[tuple[str, str, str]] = (
    ("open_items", "SELECT session, body FROM open_items", "session"),
    ("prompts", "SELECT session, place, prompt_id, body FROM prompts", "session"),
    ("attachment_uses", "SELECT session, sha256 FROM attachment_uses", "session"),
    ("keys", "SELECT session_id, key, digest, answer, created_at FROM keys", ""),
    ("providers", "SELECT name, body FROM providers", ""),
    ("removed", "SELECT session_id FROM removed", ""),
    ("usage", "SELECT * FROM usage", ""),
)
"""Table, rows, and the first column where it is a session's row: those of lost sessions stay behind."""

Retell = Callable[[StoredSession, bool], tuple[bytes, Entry] | None]
"""A session that was salvaged, and whether its whole log was → its facts now, and the event that tells of it. None: its
facts make no sense."""


@attrs.define
class Salvaged:
    """Sessions. `lost`: those that are known to have been there and could not be taken over at all."""

    whole: int = 0
    cut: int = 0
    lost: int = 0


def salvage(source: sqlite3.Connection, target: sqlite3.Connection, retell: Retell) -> Salvaged:
    """Copy it, in a transaction of the target that has begun."""
    found, kept = Salvaged(), set[int]()
    for row, session_id, head, facts in _rows(source, "SELECT id, session_id, head, facts FROM sessions ORDER BY id"):
        if facts is None:  # it was being made, and is nobody's
            continue
        if _copy_session(source, target, row, (session_id, head, facts), retell, found):
            kept.add(row)
    for table, query, owner in COPIED:
        rows = _rows(source, query)
        _insert(target, table, query, (row for row in rows if not owner or row[0] in kept))
    _insert(target, "attachments", "SELECT sha256, data", _attachments(source))
    return found


def _copy_session(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    row: int,
    session: tuple[SessionId, int, bytes],
    retell: Retell,
    found: Salvaged,
) -> bool:
    session_id, head, facts = session
    SESSIONS.run(target, [(row, session_id, 0, None)])
    last = _begins_after(facts)
    for events in _pieces(_log(source, row, last)):
        EVENTS.run(target, [(row, *event) for event in events])
        last = events[-1][0]
    retold = retell(StoredSession(session_id=session_id, seq=last, facts=facts), last == head)
    if retold is None:
        target.execute("DELETE FROM events WHERE session = ?", (row,))
        target.execute("DELETE FROM sessions WHERE id = ?", (row,))
        found.lost += 1
        return False
    facts, note = retold
    EVENTS.run(target, [(row, note.seq, note.event_type, note.body)])
    SESSIONS.run(target, [(row, session_id, note.seq, facts)])
    if last == head:
        found.whole += 1
    else:
        found.cut += 1
    return True


def _begins_after(facts: Any) -> int:
    """A session that came here by its state has its earlier events elsewhere; its facts say which."""
    try:
        begins: Any = orjson.loads(facts)["beginsAfter"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return 0
    return begins if type(begins) is int else 0


def _log(source: sqlite3.Connection, row: int, after: int) -> Iterator[Row]:
    """Events, as long as each is the next one."""
    rows = _rows(source, "SELECT seq, type, body FROM events WHERE session = ? ORDER BY seq", (row,))
    for expected, (seq, event_type, body) in enumerate(rows, after + 1):
        if seq != expected or not _says(body, seq, event_type):
            return
        yield seq, event_type, body


def _says(body: Any, seq: int, event_type: str) -> bool:
    try:
        event = orjson.loads(body)
    except (orjson.JSONDecodeError, TypeError):
        return False
    return isinstance(event, dict) and event.get("seq") == seq and event.get("eventType", event_type) == event_type


def _pieces(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while piece := list(itertools.islice(rows, PIECE)):
        yield piece


def _attachments(source: sqlite3.Connection) -> Iterator[Row]:
    for sha256, data in _rows(source, "SELECT sha256, data FROM attachments"):
        if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == sha256:
            yield sha256, data


def _rows(source: sqlite3.Connection, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """As far as they can be read. A table that an older schema has not is an empty one."""
    try:
        yield from source.execute(query, values)
    except sqlite3.DatabaseError:
        return


def _insert(target: sqlite3.Connection, table: str, query: str, rows: Iterable[Row]) -> None:
    columns = query.removeprefix("SELECT ").partition(" FROM")[0]
    names = "" if columns == "*" else f"({columns})"
    for row in rows:
        marks = ", ".join("?" * len(row))
        try:
            target.execute(f"INSERT OR IGNORE INTO {table} {names} VALUES ({marks})", row)  # noqa: S608
        except sqlite3.IntegrityError:  # of the wrong type, or null: damaged
            continue
