from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from jelmored.domain.ids import PromptId, ProviderName
from jelmored.journal import reader
from jelmored.journal.backlog import Write
from jelmored.journal.base import Attachment, Batch, Entry, StoredKey, StoredPrompt, StoredSession
from jelmored.journal.engine import transaction
from jelmored.journal.salvage import Salvaged, salvage
from jelmored.journal.schema import MIGRATIONS, opened
from jelmored.journal.writer import Writer
from tests.journal.contract import ONE, TWO, Clock, used

PICTURE = Attachment(hashlib.sha256(b"a picture").hexdigest(), b"a picture")


def event(seq: int) -> Entry:
    return Entry(seq, "assistant", orjson.dumps({"seq": seq, "text": "x"}))


def retold(stored: StoredSession, complete: bool) -> tuple[bytes, Entry] | None:
    return stored.facts, Entry(stored.seq + 1, "system", b"{}")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "damaged.db"
    with closing(Writer.open(path, "full", Clock())) as writer:
        batches = [
            Batch(
                session_id=ONE,
                events=tuple(event(seq) for seq in range(1, 201)),
                facts=b"one",
                queue=(StoredPrompt(PromptId("prm_1"), b"waits"),),
                open_items=b"[1]",
                keys=(StoredKey("k", "digest", b"answer", Clock()()),),
                attachments=(PICTURE,),
            ),
            Batch(session_id=TWO, events=(event(1), event(2)), facts=b"two", refers_to=(PICTURE.sha256,)),
            used(ONE, "2026-11-27", 0.5),
        ]
        writer.write([Write(batches, 0, 0.0, providers={ProviderName("claude"): b"cooling"})])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def target(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(opened(tmp_path / "fresh.db")) as connection:
        yield connection


def found(source: sqlite3.Connection, target: sqlite3.Connection) -> Salvaged:
    with transaction(target):
        return salvage(source, target, retold)


def heads(target: sqlite3.Connection) -> dict[str, int]:
    return {stored.session_id: stored.seq for stored in reader.sessions(target)}


def test_what_is_sound_is_all_there(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    assert found(source, target) == Salvaged(whole=2)
    assert heads(target) == {ONE: 201, TWO: 3}
    page = reader.page(target, ONE, 0, None, 1000, 10**9)
    assert page.entries[:-1] == tuple(event(seq) for seq in range(1, 201))
    stored = reader.session(target, ONE)
    assert stored is not None
    assert (stored.queue, stored.open_items, stored.facts) == (
        (StoredPrompt(PromptId("prm_1"), b"waits"),),
        b"[1]",
        b"{}",
    )
    assert reader.attachment(target, PICTURE.sha256) == b"a picture"
    assert reader.key(target, ONE, "k", Clock()()) is not None
    assert reader.providers(target) == {"claude": b"cooling"}
    for table in ("usage", "attachment_uses"):
        rows = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert target.execute(rows).fetchall() == source.execute(rows).fetchall()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM events WHERE session = 1 AND seq = 101",
        "UPDATE events SET body = x'00' WHERE session = 1 AND seq = 101",
        "UPDATE events SET body = CAST('{\"seq\":7}' AS BLOB) WHERE session = 1 AND seq = 101",
        "UPDATE events SET body = CAST('[101]' AS BLOB) WHERE session = 1 AND seq = 101",
    ],
)
def test_nothing_behind_a_gap_is_taken_over(
    source: sqlite3.Connection, target: sqlite3.Connection, damage: str
) -> None:
    source.execute(damage)
    assert found(source, target) == Salvaged(whole=1, cut=1)
    assert heads(target) == {ONE: 101, TWO: 3}, "the last one is the note"


def test_a_log_that_begins_behind_events_kept_elsewhere_is_whole(tmp_path: Path, target: sqlite3.Connection) -> None:
    path = tmp_path / "later.db"
    with closing(Writer.open(path, "full", Clock())) as writer:
        later = Batch(session_id=ONE, begins_after=10, events=(event(11), event(12)), facts=b'{"beginsAfter":10}')
        writer.write([Write([later], 0, 0.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as source:
        assert found(source, target) == Salvaged(whole=1)
    assert heads(target) == {ONE: 13}


def test_an_attachment_that_is_not_what_its_name_says_is_none(
    source: sqlite3.Connection, target: sqlite3.Connection
) -> None:
    source.execute("UPDATE attachments SET data = x'00'")
    found(source, target)
    assert reader.attachment(target, PICTURE.sha256) is None


def test_an_older_file_has_what_it_has(tmp_path: Path, target: sqlite3.Connection) -> None:
    with closing(opened(tmp_path / "old.db", migrations=MIGRATIONS[:1])) as old:
        old.execute("INSERT INTO sessions VALUES (1, ?, 1, x'00')", (ONE,))
        old.execute("INSERT INTO events VALUES (1, 1, 'assistant', ?)", (event(1).body,))
        assert found(old, target) == Salvaged(whole=1)
    assert heads(target) == {ONE: 2}


def test_who_tells_decides_what_is_no_session(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    with transaction(target):
        told = salvage(
            source, target, lambda stored, whole: retold(stored, whole) if stored.session_id == TWO else None
        )
    assert told == Salvaged(whole=1, lost=1)
    assert heads(target) == {TWO: 3}
    assert target.execute("PRAGMA foreign_key_check").fetchall() == []
