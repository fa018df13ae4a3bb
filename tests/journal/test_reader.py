from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.reader import Reader
from jelmored.journal.schema import opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    opened(tmp_path / "journal.db").close()
    return tmp_path / "journal.db"


def _itself(connection: sqlite3.Connection) -> sqlite3.Connection:
    return connection


def _is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_a_connection_is_lent_again(path: Path) -> None:
    with closing(Reader(path)) as reader:
        assert reader.run(_itself) is reader.run(_itself)


def test_two_at_once_have_two_connections(path: Path) -> None:
    with closing(Reader(path)) as reader:
        outer, inner = reader.run(lambda connection: (connection, reader.run(_itself)))
        assert outer is not inner


def test_nothing_can_be_written_through_it(path: Path) -> None:
    with closing(Reader(path)) as reader, pytest.raises(JournalError, match="readonly") as caught:
        reader.run(lambda connection: connection.execute("DELETE FROM sessions"))
    assert caught.value.kind is ErrorKind.JOURNAL_FAILED


def test_a_connection_that_failed_is_closed_and_replaced(path: Path) -> None:
    with closing(Reader(path)) as reader:
        failed = reader.run(_itself)
        with pytest.raises(JournalError):
            reader.run(lambda connection: connection.execute("SELECT nothing"))
        assert _is_closed(failed)
        assert not _is_closed(reader.run(_itself))


def test_what_is_lent_at_the_end_is_closed_when_it_comes_back(path: Path) -> None:
    reader = Reader(path)
    idle = reader.run(_itself)
    reader.close()

    def close(connection: sqlite3.Connection) -> sqlite3.Connection:
        reader.close()
        return connection

    assert _is_closed(idle)
    assert _is_closed(reader.run(close))
