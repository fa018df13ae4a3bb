"""SQLite as the journal uses it: how a connection is made, and what its errors are called here."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jelmored.errors import ErrorKind, JournalError

BUSY_SECONDS = 5.0

NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""A write past a limit of the file's size is an IOERR_WRITE, a full disk is FULL: either heals when there is room."""
NO_ROOM_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
    """Tell the engine's errors as a `JournalError` of the file at `path`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _journal_error(path, error) from error


def _journal_error(path: Path, error: sqlite3.Error | OSError) -> JournalError:
    if _wants_room(error):
        return JournalError(ErrorKind.JOURNAL_FULL, f"no room for the journal {path} ({error}): free some, then go on")
    return JournalError(ErrorKind.JOURNAL_FAILED, f"the journal {path}: {error}")


def _wants_room(error: sqlite3.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in NO_ROOM_ERRNO
    # An error of the binding itself, not of the engine, has no code.
    return getattr(error, "sqlite_errorcode", None) in NO_ROOM


def wal_of(path: Path) -> Path:
    """The file beside the journal that commits go to first. It is empty or gone after a clean stop."""
    return path.with_name(f"{path.name}-wal")


def size_of(path: Path) -> int:
    """Bytes; 0 if there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
