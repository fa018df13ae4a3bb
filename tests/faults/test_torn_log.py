"""A write-ahead log that was torn anywhere (cut, garbage behind the cut, bits that flipped) is an exact prefix of the
commits. `pytest -m soak tests/faults/test_torn_log.py` does it a thousand times."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from jelmored.journal.backlog import Write
from jelmored.journal.base import Batch
from jelmored.journal.engine import wal_of
from jelmored.journal.schema import opened
from jelmored.journal.writer import Writer
from tests.journal.contract import ONE, Clock, entries

COMMITS = 40
EVENTS = 3  # in each


@attrs.frozen
class Crashed:
    """A journal as a crash leaves it: nothing has gone from the log to the file yet."""

    main: bytes
    log: bytes


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    path = tmp_path_factory.mktemp("crashed") / "journal.db"
    with closing(Writer.open(path, "full", Clock())) as writer:
        for number in range(COMMITS):
            first, last = number * EVENTS + 1, (number + 1) * EVENTS
            write = Write([Batch(session_id=ONE, events=entries(first, last, 300), facts=b"%d" % last)], 0, 0.0)
            writer.write([write])
            assert write.error is None
        return Crashed(path.read_bytes(), wal_of(path).read_bytes())


def torn(log: bytes, chance: random.Random) -> Iterator[bytes]:
    """In all three ways, for ever."""
    while True:
        cut = chance.randrange(len(log))
        yield log[:cut]
        yield log[:cut] + chance.randbytes(chance.randrange(1, 9000))
        flipped = bytearray(log)
        for _ in range(chance.randrange(1, 4)):
            flipped[chance.randrange(len(log))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)


def _head(path: Path) -> int:
    """The head of the log that is found, which is whole and of one piece."""
    with closing(opened(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT seq, body FROM events ORDER BY seq").fetchall()
        facts = connection.execute("SELECT head, facts FROM sessions").fetchall()
    assert rows == [(entry.seq, entry.body) for entry in entries(1, len(rows), 300)]
    assert facts == ([(len(rows), b"%d" % len(rows))] if rows else [])
    return len(rows)


def try_all(crashed: Crashed, directory: Path, cases: int, seed: int) -> set[int]:
    """The heads that were found."""
    chance, path, heads = random.Random(seed), directory / "journal.db", set()
    for _, log in zip(range(cases), torn(crashed.log, chance), strict=False):
        path.write_bytes(crashed.main)
        wal_of(path).write_bytes(log)
        path.with_name("journal.db-shm").unlink(missing_ok=True)
        heads.add(_head(path))
    assert {head % EVENTS for head in heads} == {0}, "no commit is torn"
    return heads


def test_what_is_whole_is_all_there(crashed: Crashed, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(crashed.main)
    wal_of(path).write_bytes(crashed.log)
    assert _head(path) == COMMITS * EVENTS


def test_a_torn_log_is_a_prefix_of_the_commits(crashed: Crashed, tmp_path: Path) -> None:
    heads = try_all(crashed, tmp_path, cases=99, seed=1)
    assert len(heads) > 15


@pytest.mark.soak
def test_a_thousand_torn_logs_are_prefixes_of_the_commits(crashed: Crashed, tmp_path: Path) -> None:
    print(f"1000 torn logs: {len(try_all(crashed, tmp_path, cases=1000, seed=2))} different heads, all exact")
