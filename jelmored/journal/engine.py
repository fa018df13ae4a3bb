"""SQLite as the journal uses it: how a connection is made, and what its errors are called here."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jelmored.errors import ErrorKind, JournalDamaged, JournalError, JournalPaused

BUSY_SECONDS = 5.0

NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""A write past a limit of the file's size is an IOERR_WRITE, a full disk is FULL: either heals when there is room."""
NO_ROOM_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
DISK = frozenset({
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PROTOCOL,
})
"""What is not ours, and may pass."""


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """A connection to a file that exists. It begins no transaction by itself and may change threads between calls."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rw' if writable else 'ro'}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All of the block, or nothing of it."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell the engine's errors as a `JournalError` of the file at `path`: of the class that says what heals them."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _journal_error(path, error) from error


def _journal_error(path: Path, error: sqlite3.Error | OSError) -> JournalError:
    if _wants_room(error):
        told = f"no room for the journal {path} ({error})"
        return JournalPaused(ErrorKind.JOURNAL_FULL, told, remedy=f"free some room on the disk of {path.parent}")
    told, code = f"the journal {path}: {error}", _code(error) & 0xFF  # an extended code holds its class below
    if code in DAMAGE:
        return JournalDamaged(ErrorKind.JOURNAL_FAILED, told)
    if isinstance(error, OSError) or code in DISK:
        remedy = f"see that the disk of {path.parent} takes writes: is it mounted read-only, or failing?"
        return JournalPaused(ErrorKind.JOURNAL_FAILED, told, remedy=remedy)
    return JournalError(ErrorKind.JOURNAL_FAILED, told)


def _wants_room(error: sqlite3.Error | OSError) -> bool:
    return error.errno in NO_ROOM_ERRNO if isinstance(error, OSError) else _code(error) in NO_ROOM


def _code(error: sqlite3.Error | OSError) -> int:
    """Of the engine; an error of the system or of the binding itself has none."""
    return getattr(error, "sqlite_errorcode", 0)


def wal_of(path: Path) -> Path:
    """The file beside the journal that commits go to first. It is empty or gone after a clean stop."""
    return path.with_name(f"{path.name}-wal")


def size_of(path: Path) -> int:
    """Bytes; 0 if there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
