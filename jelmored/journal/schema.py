"""The journal's tables, and how a file gets them. To change them, append a migration; never edit one that was released.

A file of a newer schema, or of another program, is refused before anything in it is touched.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

from jelmored.errors import ErrorKind, JournalDamaged, JournalError
from jelmored.journal.engine import connect, size_of, transaction, wal_of

Synchronous = Literal["full", "normal"]
Migration = Sequence[str]

INCREMENTAL = 2
"""What SQLite calls a file whose free pages are given back when we say so."""

APPLICATION_ID = 0x6A6C6D72
"""`jlmr`: how `file` and we tell a journal from any other database."""

FIRST: Migration = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL UNIQUE,
        head INTEGER NOT NULL,
        facts BLOB -- NULL until a batch brings some
    ) STRICT
    """,
    """
    CREATE TABLE events (
        session INTEGER NOT NULL REFERENCES sessions (id),
        seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (session, seq)
    ) STRICT
    """,
    # Apart from the sessions, whose rows are written with every batch: this may be long.
    """
    CREATE TABLE open_items (
        session INTEGER PRIMARY KEY REFERENCES sessions (id),
        body BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE prompts (
        session INTEGER NOT NULL REFERENCES sessions (id),
        place INTEGER NOT NULL,
        prompt_id TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (session, place)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE keys (
        session_id TEXT NOT NULL, -- '' for a daemon-wide key
        key TEXT NOT NULL,
        digest TEXT NOT NULL,
        answer BLOB NOT NULL,
        created_at INTEGER NOT NULL, -- microseconds since 1970, UTC
        PRIMARY KEY (session_id, key)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX keys_by_age ON keys (created_at)",
    "CREATE TABLE attachments (sha256 TEXT NOT NULL UNIQUE, data BLOB NOT NULL) STRICT",
)

SECOND: Migration = (
    # An attachment goes with the last session that has brought it.
    """
    CREATE TABLE attachment_uses (
        sha256 TEXT NOT NULL,
        session INTEGER NOT NULL REFERENCES sessions (id),
        PRIMARY KEY (sha256, session)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX attachment_uses_by_session ON attachment_uses (session)",
    """
    INSERT OR IGNORE INTO attachment_uses
    SELECT json_extract(block.value, '$.sha256'), session
    FROM events, json_each(CAST(events.body AS TEXT), '$.metadata.blocks') AS block
    WHERE events.type = 'user' AND json_extract(block.value, '$.sha256') IS NOT NULL
    """,
    "CREATE TABLE removed (session_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
)

THIRD: Migration = (
    # What is to be known of a provider after a restart: until when it cools.
    "CREATE TABLE providers (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
)

FOURTH: Migration = (
    """
    CREATE TABLE usage (
        day TEXT NOT NULL, -- the UTC date, 2026-11-27
        session_id TEXT NOT NULL, -- '' for sessions that were deleted
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL, -- what is billed
        notional_usd REAL NOT NULL, -- what a subscription pays
        turns INTEGER NOT NULL,
        PRIMARY KEY (day, session_id, provider, model)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX usage_by_session ON usage (session_id)",
    # What a fork has copied is its source's.
    """
    INSERT INTO usage
    SELECT substr(json_extract(json, '$.timestamp'), 1, 10), session_id, coalesce(json_extract(json, '$.provider'), ''),
        json_extract(json, '$.metadata.model'),
        sum(json_extract(json, '$.metadata.inputTokens')), sum(json_extract(json, '$.metadata.outputTokens')),
        sum(json_extract(json, '$.metadata.cacheReadTokens')), sum(json_extract(json, '$.metadata.cacheWriteTokens')),
        total(iif(json_extract(json, '$.metadata.notional'), 0, json_extract(json, '$.metadata.costUsd'))),
        total(iif(json_extract(json, '$.metadata.notional'), json_extract(json, '$.metadata.costUsd'), 0)),
        count(*)
    FROM (SELECT session, seq, CAST(body AS TEXT) AS json FROM events WHERE type = 'usage')
    JOIN sessions ON id = session
    WHERE seq > coalesce((
        SELECT max(seq) FROM events AS forked
        WHERE forked.session = id AND type = 'system'
        AND json_extract(CAST(body AS TEXT), '$.metadata.subtype') = 'forked'
    ), 0)
    GROUP BY 1, 2, 3, 4
    """,
)

MIGRATIONS: Sequence[Migration] = (FIRST, SECOND, THIRD, FOURTH)


def opened(
    path: Path,
    synchronous: Synchronous = "full",
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    suspect: bool = False,
) -> sqlite3.Connection:
    """The read-write connection to the journal at `path`, made if it is not there, brought to the newest schema.

    Args:
        suspect: look through the file, also if it was closed cleanly.

    Raises:
        JournalDamaged: the file is.
        JournalError: it is newer than this program, or another program's.
        sqlite3.Error, OSError: the engine's own.
    """
    path.touch(mode=0o600)
    _inspect(path, newest=len(migrations), suspect=suspect)
    connection = connect(path, writable=True)
    try:
        _set_up(connection, synchronous)
        _migrate(connection, path, migrations)
        _let_shrink(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _inspect(path: Path, newest: int, *, suspect: bool) -> None:
    # Read-only: a connection that may write works off the write-ahead log, at the latest when it is closed.
    stopped_cleanly = size_of(wal_of(path)) == 0
    with closing(connect(path, writable=False)) as connection:
        _refuse_foreign(connection, path, newest)
        if suspect or not stopped_cleanly:
            _refuse_damaged(connection, path)


def _refuse_foreign(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    tables = _number(connection, "SELECT count(*) FROM sqlite_schema")
    if application != APPLICATION_ID and (application or version or tables):
        raise JournalError(ErrorKind.JOURNAL_FAILED, f"{path} is another program's file: move it away")
    if version > newest:
        message = f"{path} has schema {version}, this jelmored knows {newest}: upgrade, or use another state directory"
        raise JournalError(ErrorKind.JOURNAL_FAILED, message)


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        message = f"the journal {path} is damaged ({verdict}): keep a copy of it, then move it away or restore a backup"
        raise JournalDamaged(ErrorKind.JOURNAL_FAILED, message)


def _set_up(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    if _number(connection, "PRAGMA page_count") == 0:  # it is set before anything is written, and each time is a write
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"its file system can't do write-ahead logging (journal mode {mode})")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    version = _number(connection, "PRAGMA user_version")
    if 0 < version < len(migrations):
        _back_up(connection, path.with_name(f"{path.name}.schema-{version}.backup"))
    for number, migration in enumerate(migrations[version:], version + 1):
        with transaction(connection):
            for statement in migration:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _let_shrink(connection: sqlite3.Connection) -> None:
    """A file of an earlier version keeps the room that removed sessions leave. It is written anew, once."""
    if _number(connection, "PRAGMA auto_vacuum") == INCREMENTAL:
        return
    with contextlib.suppress(sqlite3.OperationalError):  # no room for a copy of it: it does as it is
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")


def _back_up(connection: sqlite3.Connection, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(connect(target, writable=True)) as copy:
        connection.backup(copy)


def _number(connection: sqlite3.Connection, query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)
