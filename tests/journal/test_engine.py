from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jelmored.errors import ErrorKind, JournalDamaged, JournalError, JournalPaused
from jelmored.journal.engine import told, transaction

PATH = Path("/state/journal.db")


def _engine_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what the engine said")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_engine_error(sqlite3.SQLITE_FULL), ErrorKind.JOURNAL_FULL),
        (_engine_error(sqlite3.SQLITE_IOERR_WRITE), ErrorKind.JOURNAL_FULL),
        (_engine_error(sqlite3.SQLITE_IOERR_SHMSIZE), ErrorKind.JOURNAL_FULL),
        (_engine_error(sqlite3.SQLITE_IOERR_FSYNC), ErrorKind.JOURNAL_FAILED),
        (_engine_error(sqlite3.SQLITE_CORRUPT), ErrorKind.JOURNAL_FAILED),
        (_engine_error(sqlite3.SQLITE_READONLY), ErrorKind.JOURNAL_FAILED),
        (sqlite3.ProgrammingError("what the engine said"), ErrorKind.JOURNAL_FAILED),
        (OSError(errno.ENOSPC, "what the engine said"), ErrorKind.JOURNAL_FULL),
        (OSError(errno.EDQUOT, "what the engine said"), ErrorKind.JOURNAL_FULL),
        (PermissionError(errno.EACCES, "what the engine said"), ErrorKind.JOURNAL_FAILED),
    ],
)
def test_errors_are_told_by_what_heals_them(error: Exception, kind: ErrorKind) -> None:
    with pytest.raises(JournalError, match="what the engine said") as caught, told(PATH):
        raise error
    assert caught.value.kind is kind
    assert str(PATH) in caught.value.message


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        (_engine_error(sqlite3.SQLITE_FULL), JournalPaused),
        (_engine_error(sqlite3.SQLITE_IOERR_FSYNC), JournalPaused),
        (_engine_error(sqlite3.SQLITE_READONLY_DBMOVED), JournalPaused),
        (OSError(errno.EROFS, "what the system said"), JournalPaused),
        (_engine_error(sqlite3.SQLITE_CORRUPT_INDEX), JournalDamaged),
        (_engine_error(sqlite3.SQLITE_NOTADB), JournalDamaged),
        (_engine_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE), JournalError),
        (sqlite3.ProgrammingError("what the binding said"), JournalError),
    ],
)
def test_what_may_pass_what_is_broken_and_what_is_ours_are_told_apart(
    error: Exception, heals: type[JournalError]
) -> None:
    with pytest.raises(JournalError) as caught, told(PATH):
        raise error
    assert type(caught.value) is heals
    assert (caught.value.remedy is not None) == (heals is JournalPaused)


def _insert(connection: sqlite3.Connection, *numbers: int) -> None:
    with transaction(connection):
        for number in numbers:
            connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def test_a_transaction_is_all_or_nothing() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER UNIQUE)")
        with pytest.raises(sqlite3.IntegrityError):
            _insert(connection, 1, 1)
        _insert(connection, 2)
        assert not connection.in_transaction
        assert connection.execute("SELECT number FROM numbers").fetchall() == [(2,)]
