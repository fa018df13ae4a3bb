from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jelmored.errors import ErrorKind, JournalDamaged
from jelmored.journal import reader, writer
from jelmored.journal.backlog import Write
from jelmored.journal.base import Attachment, Batch
from jelmored.journal.engine import size_of, wal_of
from jelmored.journal.reserve import Reserve
from jelmored.journal.schema import opened
from jelmored.journal.writer import Inbox, Writer, reserve_of
from tests.journal.contract import ONE, TWO, Clock, batch, entries, seqs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(opened(path)) as connection:
        yield connection


@pytest.fixture
def subject(path: Path, connection: sqlite3.Connection) -> Writer:
    return Writer(path, connection, contextlib.ExitStack(), Clock())


def _write(to: Writer, *batches: Batch) -> ErrorKind | None:
    write = Write(batches, 0, 0.0)
    to.write([write])
    return None if write.error is None else write.error.kind


def _trouble(subject: Writer) -> ErrorKind | None:
    return None if subject.trouble is None else subject.trouble.kind


def _kept(path: Path) -> list[int]:
    with contextlib.closing(reader.Reader(path)) as lent:
        return seqs(lent.run(lambda file: reader.page(file, ONE, 0, None, 500, 10**9)).entries)


def test_a_full_disk_is_told_as_one_and_heals(path: Path, connection: sqlite3.Connection, subject: Writer) -> None:
    assert _write(subject, batch(1, 2)) is None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = Batch(session_id=ONE, events=entries(3, 4, 100_000))
    assert _write(subject, batch(1, 1, TWO), large) is ErrorKind.JOURNAL_FULL
    assert _trouble(subject) is ErrorKind.JOURNAL_FULL
    assert _kept(path) == [1, 2]
    connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert _write(subject, batch(1, 1, TWO), large) is None
    assert _kept(path) == [1, 2, 3, 4]
    subject.look()
    assert _trouble(subject) is None


class Room:
    """A limit on the file's size stands in for a small disk, and the reserve for what can be taken off it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, pages: int) -> None:
        self._connection, self._limit = connection, connection.execute("PRAGMA page_count").fetchone()[0]
        self.reserve = Reserve(reserve_of(path), pages * 4096)
        self.reserve.keep()
        self.give(0)
        self._give_up = self.reserve.give_up
        self.reserve.give_up = self.given_up  # type: ignore[method-assign]
        self._pages = pages

    def give(self, pages: int) -> None:
        self._connection.execute(f"PRAGMA max_page_count = {self._limit + pages}")

    def given_up(self) -> bool:
        self.give(self._pages)
        return self._give_up()


def test_what_finds_no_room_is_written_by_what_the_reserve_gives(path: Path, connection: sqlite3.Connection) -> None:
    room = Room(path, connection, pages=100)
    told: list[bool] = []
    subject = Writer(path, connection, contextlib.ExitStack(), Clock(), room.reserve)
    subject._changed = lambda trouble: told.append(trouble is not None)
    large = Batch(session_id=ONE, events=entries(1, 2, 100_000))
    assert _write(subject, large) is None
    assert (_kept(path), subject.trouble is not None, told) == ([1, 2], True, [True])
    assert not reserve_of(path).exists()
    assert _write(subject, Batch(session_id=ONE, events=entries(3, 5, 100_000))) is ErrorKind.JOURNAL_FULL
    assert _kept(path) == [1, 2]
    room.give(1000)
    subject.look()
    assert (subject.trouble, reserve_of(path).stat().st_size, told[-1]) == (None, 100 * 4096, False)


def test_a_disk_is_well_again_only_when_it_takes_a_commit(path: Path, connection: sqlite3.Connection) -> None:
    subject = Writer(path, connection, contextlib.ExitStack(), Clock(), Reserve(reserve_of(path), 4096))
    connection.execute("PRAGMA query_only = ON")
    assert _write(subject, batch(1, 1)) is ErrorKind.JOURNAL_FAILED
    subject.look()
    assert _trouble(subject) is ErrorKind.JOURNAL_FAILED
    connection.execute("PRAGMA query_only = OFF")
    before = size_of(wal_of(path))
    subject.look()
    assert _trouble(subject) is None
    assert size_of(wal_of(path)) > before, "the proof was written, as any commit is"


def test_a_start_without_room_for_the_reserve_is_a_start_in_trouble(path: Path) -> None:
    class Greedy(Reserve):
        def keep(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.closing(Writer.open(path, "full", Clock(), Greedy(reserve_of(path)))) as subject:
        assert subject.trouble is not None
        assert subject.trouble.kind is ErrorKind.JOURNAL_FULL
        assert str(path.parent) in str(subject.trouble.remedy)
        assert _write(subject, batch(1, 1)) is None, "what there is room for is written all the same"


def test_what_is_found_damaged_ends_the_writer(path: Path, connection: sqlite3.Connection) -> None:
    subject = Writer(path, connection, contextlib.ExitStack(), Clock())
    assert _write(subject, batch(1, 400)) is None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA cache_size = 0")
    whole = bytearray(path.read_bytes())
    whole[2 * 4096 :] = b"\xde" * len(whole[2 * 4096 :])
    path.write_bytes(whole)
    inbox: Inbox = Inbox()
    write = Write([batch(401, 401)], 0, 0.0)
    inbox.put(write)
    settled: list[Write] = []
    with pytest.raises(JournalDamaged):
        subject.serve(inbox, settled.extend)
    assert settled == [write]
    assert isinstance(write.error, JournalDamaged)


def test_the_room_of_a_removed_session_is_given_back_to_the_disk(path: Path, subject: Writer) -> None:
    assert _write(subject, batch(1, 3, TWO)) is None
    assert _write(subject, Batch(session_id=ONE, events=entries(1, 40, 100_000))) is None
    subject._shrink_wal()
    full = size_of(path)
    assert full > 4_000_000
    assert _write(subject, Batch(session_id=ONE, removed=True)) is None
    steps = 0
    while subject.give_back():
        steps += 1
    assert steps >= 2, "not all at once: others write meanwhile"
    assert subject.size_bytes() < 2_000_000
    assert not subject.give_back()
    with contextlib.closing(reader.Reader(path)) as lent:
        assert seqs(lent.run(lambda file: reader.page(file, TWO, 0, None, 500, 10**9)).entries) == [1, 2, 3]


def test_it_is_given_back_while_nothing_is_written(path: Path, subject: Writer) -> None:
    inbox: Inbox = Inbox()
    large = Batch(session_id=ONE, events=entries(1, 40, 100_000))
    for one in (large, Batch(session_id=ONE, removed=True)):
        inbox.put(Write([one], 0, 0.0))
    inbox.put(None)
    subject.serve(inbox, lambda writes: None)
    again: Inbox = Inbox()
    again.put(None)
    with contextlib.closing(opened(path)) as connection:  # what was not done by then, the next life does
        next_life = Writer(path, connection, contextlib.ExitStack(), Clock())
        while next_life.give_back():
            pass
        assert next_life.size_bytes() < 2_000_000


def test_a_disk_that_became_read_only_fails_writes_only(
    path: Path, connection: sqlite3.Connection, subject: Writer
) -> None:
    assert _write(subject, batch(1, 2)) is None
    connection.execute("PRAGMA query_only = ON")
    assert _write(subject, batch(3, 3)) is ErrorKind.JOURNAL_FAILED
    assert _kept(path) == [1, 2]
    connection.execute("PRAGMA query_only = OFF")
    assert _write(subject, batch(3, 3)) is None
    assert _kept(path) == [1, 2, 3]


def test_a_session_that_was_rolled_back_leaves_its_row_to_the_next(
    connection: sqlite3.Connection, subject: Writer
) -> None:
    connection.execute("PRAGMA query_only = ON")
    assert _write(subject, batch(1, 1, TWO)) is ErrorKind.JOURNAL_FAILED
    connection.execute("PRAGMA query_only = OFF")
    assert _write(subject, batch(1, 1, ONE), batch(1, 1, TWO)) is None
    assert connection.execute("SELECT id, session_id, head FROM sessions").fetchall() == [(1, ONE, 1), (2, TWO, 1)]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 63, 64, 65, 200])
def test_every_row_of_a_group_is_written_whatever_its_size(
    connection: sqlite3.Connection, subject: Writer, count: int
) -> None:
    attachments = tuple(Attachment(f"{number:064x}", b"x") for number in range(count))
    assert _write(subject, Batch(session_id=ONE, events=entries(1, count), attachments=attachments)) is None
    assert connection.execute("SELECT count(*), max(seq) FROM events").fetchone() == (count, count)
    assert connection.execute("SELECT count(*) FROM attachments").fetchone() == (count,)


def _serve(subject: Writer, appends: range) -> list[bool]:
    """Let it write one group after the other, and tell which ones were acknowledged."""
    inbox: Inbox = Inbox()
    acknowledged: list[bool] = []

    def settled(writes: Sequence[Write]) -> None:
        acknowledged.extend(write.error is None for write in writes)
        inbox.put(Write([batch(following, following)], 0, 0.0) if (following := next(rest, 0)) else None)

    rest = iter(appends)
    inbox.put(Write([batch(first := next(rest), first)], 0, 0.0))
    subject.serve(inbox, settled)
    return acknowledged


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WAL_BYTES", 200_000)


@pytest.mark.usefixtures("short_log")
def test_the_write_ahead_log_is_cut_when_it_has_grown_too_long(path: Path, connection: sqlite3.Connection) -> None:
    subject = Writer(path, connection, contextlib.ExitStack(), Clock())
    assert all(_serve(subject, range(1, 101)))
    assert size_of(wal_of(path)) < 220_000
    assert _kept(path) == list(range(1, 101))


@pytest.mark.usefixtures("short_log")
def test_a_reader_that_stays_delays_the_cut_and_fails_nothing(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 1")
    subject = Writer(path, connection, contextlib.ExitStack(), Clock())
    with contextlib.closing(sqlite3.connect(path)) as stays:
        stays.execute("BEGIN")
        assert stays.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert all(_serve(subject, range(1, 101)))
        assert size_of(wal_of(path)) > 220_000
        stays.rollback()
        assert all(_serve(subject, range(101, 201)))
    assert size_of(wal_of(path)) < 220_000
    assert _kept(path) == list(range(1, 201))
