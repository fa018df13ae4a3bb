from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.engine import wal_of
from jelmored.journal.schema import FIRST, MIGRATIONS, Synchronous, opened

NEWER = (*MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN colour TEXT", "UPDATE sessions SET colour = 'blue'"))
NEWEST = len(MIGRATIONS)
BROKEN = (*MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN colour TEXT", "UPDATE nothing SET colour = 'blue'"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _keep_a_session(path: Path) -> None:
    with closing(opened(path)) as connection:
        connection.execute("INSERT INTO sessions (id, session_id, head) VALUES (1, 'ses_one', 7)")


@pytest.mark.parametrize(("synchronous", "level"), [("full", 2), ("normal", 1)])
def test_a_connection_is_set_up_as_promised(path: Path, synchronous: Synchronous, level: int) -> None:
    with closing(opened(path, synchronous)) as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "application_id", "user_version")
        values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert values == ["wal", level, 1, 5000, 0x6A6C6D72, len(MIGRATIONS)]


def test_a_new_schema_comes_with_a_backup_of_the_old_one(path: Path) -> None:
    _keep_a_session(path)
    with closing(opened(path, migrations=NEWER)) as connection:
        assert connection.execute("SELECT session_id, head, colour FROM sessions").fetchall() == [
            ("ses_one", 7, "blue")
        ]
    assert _version(path) == NEWEST + 1
    backup = path.with_name(f"journal.db.schema-{NEWEST}.backup")
    assert _version(backup) == NEWEST
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT session_id, head FROM sessions").fetchall() == [("ses_one", 7)]


def test_a_migration_that_fails_leaves_the_old_schema(path: Path) -> None:
    _keep_a_session(path)
    with pytest.raises(sqlite3.OperationalError):
        opened(path, migrations=BROKEN)
    assert _version(path) == NEWEST
    with closing(opened(path)) as connection:
        assert connection.execute("SELECT * FROM sessions").fetchall() == [(1, "ses_one", 7, None)]


def _user(seq: int, *blocks: str) -> tuple[int, int, str, bytes]:
    return 1, seq, "user", b'{"seq":%d,"metadata":{"blocks":[%s]}}' % (seq, ",".join(blocks).encode())


def test_an_older_journal_learns_whose_its_attachments_are(path: Path) -> None:
    with closing(opened(path, migrations=(FIRST,))) as connection:
        connection.execute("INSERT INTO sessions VALUES (1, 'ses_one', 3, x'7b7d')")
        image = '{"type":"image","sha256":"aa","bytes":3}'
        said = [_user(1, '{"type":"text"}', image, image), _user(2, image), (1, 3, "assistant", b'{"metadata":{}}')]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", said)
    with closing(opened(path)) as connection:
        assert connection.execute("SELECT sha256, session FROM attachment_uses").fetchall() == [("aa", 1)]


def _used(seq: int, cost: float, **more: object) -> tuple[int, int, str, bytes]:
    tokens = dict.fromkeys(("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"), 3)
    note = {"model": "opus", **tokens, "costUsd": cost, **more}
    event = {"timestamp": "2026-11-27T11:14:08.123Z", "provider": "claude", "metadata": note}
    return 1, seq, "usage", orjson.dumps(event)


def test_an_older_journal_sums_up_what_was_used_but_for_what_a_fork_has_copied(path: Path) -> None:
    with closing(opened(path, migrations=MIGRATIONS[:2])) as connection:
        connection.execute("INSERT INTO sessions VALUES (1, 'ses_one', 4, x'7b7d')")
        forked = (1, 2, "system", b'{"metadata":{"subtype":"forked"}}')
        said = [_used(1, 5.0), forked, _used(3, 0.5), _used(4, 0.25, notional=True)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", said)
    with closing(opened(path)) as connection:
        assert connection.execute("SELECT * FROM usage").fetchall() == [
            ("2026-11-27", "ses_one", "claude", "opus", 6, 6, 6, 6, 0.5, 0.25, 2)
        ]


def _keep_something(connection: sqlite3.Connection, number: int) -> list[sqlite3.Row]:
    """What a journal of this schema can hold of a session."""
    said = [(1, seq, "assistant", b'{"seq":%d,"metadata":{}}' % seq) for seq in range(1, number + 1)]
    connection.execute("INSERT INTO sessions VALUES (1, 'ses_one', ?, x'7b7d')", (number,))
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", said)
    connection.execute("INSERT INTO prompts VALUES (1, 0, 'prm_1', x'7b7d')")
    connection.execute("INSERT INTO keys VALUES ('ses_one', 'k', 'd', x'7b7d', 1)")
    connection.execute("INSERT INTO open_items VALUES (1, x'5b5d')")
    connection.execute("INSERT INTO attachments VALUES ('aa', x'00')")
    return _everything(connection)


def _everything(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    tables = ("sessions", "events", "prompts", "keys", "open_items", "attachments")
    return [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]


@pytest.mark.parametrize("schema", range(1, NEWEST + 1))
def test_a_journal_of_any_earlier_schema_keeps_all(path: Path, schema: int) -> None:
    with closing(opened(path, migrations=MIGRATIONS[:schema])) as connection:
        kept = _keep_something(connection, 50)
    with closing(opened(path)) as connection:
        assert _everything(connection) == kept
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert _version(path) == NEWEST
    assert path.with_name(f"journal.db.schema-{schema}.backup").exists() == (schema < NEWEST)


def test_a_file_of_before_it_could_shrink_can_afterwards(path: Path) -> None:
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number, migration in enumerate(MIGRATIONS, 1):
            for statement in (*migration, f"PRAGMA user_version = {number}"):
                connection.execute(statement)
        kept = _keep_something(connection, 50)
    for _ in range(2):
        with closing(opened(path)) as connection:
            assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
            assert _everything(connection) == kept


def test_a_first_start_makes_no_backup(path: Path) -> None:
    opened(path, migrations=NEWER).close()
    assert [file.name for file in path.parent.iterdir()] == ["journal.db"]


def _files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (path, wal_of(path))}


def test_a_newer_schema_is_refused_and_not_touched(path: Path) -> None:
    # Its process was killed: the newer version stands in the write-ahead log only.
    live = opened(path, migrations=NEWER)
    before = _files(path)
    live.close()
    for name, content in before.items():
        path.with_name(name).write_bytes(content)
    with pytest.raises(JournalError, match=f"has schema {NEWEST + 1}, this jelmored knows {NEWEST}") as caught:
        opened(path)
    assert caught.value.kind is ErrorKind.JOURNAL_FAILED
    assert _files(path) == before


def test_another_programs_database_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program's"):
        opened(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused_and_not_touched(path: Path) -> None:
    path.write_text("my notes\n" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        opened(path)
    assert path.read_text() == "my notes\n" * 100
