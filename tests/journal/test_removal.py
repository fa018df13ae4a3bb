from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jelmored.domain.ids import SessionId
from jelmored.journal.removal import remove, remove_unfinished
from jelmored.journal.schema import opened

ALL = ("sessions", "events", "open_items", "prompts", "keys", "attachments", "attachment_uses")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(opened(tmp_path / "journal.db")) as connection:
        yield connection


def _keep(connection: sqlite3.Connection, row: int, facts: bytes | None) -> SessionId:
    """A row in every table."""
    session_id = SessionId(f"ses_{row}")
    connection.execute("INSERT INTO sessions VALUES (?, ?, 1, ?)", (row, session_id, facts))
    connection.execute("INSERT INTO events VALUES (?, 1, 'user', x'7b7d')", (row,))
    connection.execute("INSERT INTO open_items VALUES (?, x'5b5d')", (row,))
    connection.execute("INSERT INTO prompts VALUES (?, 0, 'prm', x'7b7d')", (row,))
    connection.execute("INSERT INTO keys VALUES (?, 'k', 'digest', x'00', 0)", (session_id,))
    connection.execute("INSERT INTO attachments VALUES (?, x'00')", (session_id,))
    connection.execute("INSERT INTO attachment_uses VALUES (?, ?)", (session_id, row))
    return session_id


def _counts(connection: sqlite3.Connection) -> list[int]:
    return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ALL]


def test_nothing_is_left_of_a_session_in_any_table(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    assert {name for (name,) in tables} == {*ALL, "removed", "providers", "usage"}, (
        "a new table: does a session's part of it go too?"
    )
    session_id, _ = _keep(connection, 1, b"{}"), _keep(connection, 2, b"{}")
    for _ in range(2):
        remove(connection, 1, session_id)
        assert _counts(connection) == [1] * len(ALL)
    assert connection.execute("SELECT session_id FROM removed").fetchall() == [(session_id,)]


def test_what_was_never_finished_goes_and_nothing_else(connection: sqlite3.Connection) -> None:
    _keep(connection, 1, b"{}")
    _keep(connection, 2, None)
    remove_unfinished(connection)
    assert connection.execute("SELECT id FROM sessions").fetchall() == [(1,)]
    assert _counts(connection) == [1] * len(ALL)
