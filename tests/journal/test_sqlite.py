from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.testing

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, JournalError, JournalPaused
from jelmored.journal.backlog import Write
from jelmored.journal.base import Batch, Entry
from jelmored.journal.engine import wal_of
from jelmored.journal.sqlite import SqliteJournal
from jelmored.journal.writer import Writer
from tests.journal.contract import ONE, Clock, JournalContract, Make, batch, entries, running, seqs

KILLS = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def make(self, clock: Clock, path: Path) -> Make:
        return lambda: SqliteJournal(path, now=clock)


async def history(path: Path) -> dict[SessionId, int]:
    """The heads of all logs, each of which has been read to its end: no gap, no repeat, facts of its last batch."""
    heads = {}
    async with running(SqliteJournal(path)) as journal:
        for session in await journal.sessions():
            found: tuple[Entry, ...] = ()
            more = True
            while more:
                page = await journal.read(session.session_id, after=len(found))
                found, more = found + page.entries, page.has_more
            assert found == entries(1, session.seq, 300)
            assert session.facts == b"%d" % session.seq
            heads[session.session_id] = session.seq
    return heads


def spawn(mode: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.journal.child", mode, str(path)], stdout=subprocess.PIPE)


async def lines_until_killed(mode: str, path: Path, seconds: float) -> list[str]:
    """Let a process write, kill it so long after its first append, and tell what it was told."""
    with spawn(mode, path) as child:
        assert child.stdout is not None
        output = await trio.to_thread.run_sync(child.stdout.readline)
        await trio.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        output += await trio.to_thread.run_sync(child.stdout.read)
    return output.decode().splitlines() if output.endswith(b"\n") else output.decode().splitlines()[:-1]


async def written_until_killed(path: Path, seconds: float) -> dict[str, int]:
    """The head of each log, as the process was told."""
    acknowledged: dict[str, int] = {}
    for line in await lines_until_killed("write", path, seconds):
        session_id, head = line.split()
        acknowledged[session_id] = max(int(head), acknowledged.get(session_id, 0))
    return acknowledged


async def test_what_was_acknowledged_survives_kill_9_at_any_moment(path: Path) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(KILLS):
        acknowledged |= await written_until_killed(path, random.uniform(0, 0.15))
        recovered = await history(path)
        assert all(recovered[SessionId(session_id)] >= head for session_id, head in acknowledged.items())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_removal_that_is_killed_leaves_the_session_whole_or_gone(path: Path) -> None:
    gone: set[str] = set()
    for _ in range(KILLS):
        for line in await lines_until_killed("remove", path, random.uniform(0, 0.15)):
            session_id, what = line.split()
            gone |= {session_id} if what == "removed" else set()
        assert gone.isdisjoint(await history(path))
    assert gone
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT head FROM sessions").fetchall() in ([], [(200,)])
        orphans = "SELECT count(*) FROM events WHERE session NOT IN (SELECT id FROM sessions)"
        assert connection.execute(orphans).fetchone() == (0,)


async def lines_of(mode: str, path: Path) -> list[list[str]]:
    with spawn(mode, path) as child:
        output, _ = await trio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0
    return [line.split() for line in output.decode().splitlines()]


async def test_a_full_disk_fails_appends_and_nothing_else(path: Path) -> None:
    lines = await lines_of("full", path)
    acknowledged = [int(head) for name, head in lines if name == "ses_full"]
    assert lines[-4] == ["journal-full", "0"]
    assert lines[-3] == ["read", str(acknowledged[-2])]
    assert lines[-1] == ["relieved", "1"]
    assert len(acknowledged) > 20
    assert await history(path) == {"ses_full": acknowledged[-1]}


async def test_an_append_whose_sync_fails_is_not_acknowledged(path: Path) -> None:
    assert await lines_of("sync", path) == [["ses_sync", "1"], ["journal-failed", "0"]]


def _live_copy(path: Path, commits: int) -> bytes:
    """Leave a journal as a crash does, and return its write-ahead log."""
    writer = Writer.open(path, "full", Clock())
    for number in range(commits):
        change = Batch(
            session_id=ONE, events=entries(number * 3 + 1, number * 3 + 3, 300), facts=b"%d" % (number * 3 + 3)
        )
        write = Write([change], 0, 0.0)
        writer.write([write])
        assert write.error is None
    log = wal_of(path).read_bytes()
    main = path.read_bytes()
    writer.close()
    path.write_bytes(main)
    return log


def test_a_torn_write_ahead_log_is_a_prefix_of_what_was_written(path: Path) -> None:
    log = _live_copy(path, commits=20)
    main = path.read_bytes()
    chance = random.Random(7)
    heads = []
    for cut in sorted(chance.randrange(len(log)) for _ in range(25)):
        for garbage in (b"", chance.randbytes(5000)):
            path.write_bytes(main)
            wal_of(path).write_bytes(log[:cut] + garbage)
            heads.append(trio.run(history, path).get(ONE, 0))
    assert heads == sorted(heads)
    assert heads[0] < heads[-1]
    assert {head % 3 for head in heads} == {0}


def test_a_damaged_file_is_refused_after_a_crash_and_left_as_it_is(path: Path) -> None:
    log = _live_copy(path, commits=700)
    damaged = bytearray(path.read_bytes())
    assert len(damaged) > 10 * 4096
    for page in range(3, 9):
        damaged[page * 4096 : page * 4096 + 200] = b"\xde" * 200
    path.write_bytes(damaged)
    wal_of(path).write_bytes(log)
    with pytest.raises(JournalError, match="damaged") as caught:
        trio.run(SqliteJournal(path).run)
    assert caught.value.kind is ErrorKind.JOURNAL_FAILED
    assert (path.read_bytes(), wal_of(path).read_bytes()) == (bytes(damaged), log)


async def test_a_second_one_in_the_same_directory_is_told_who_has_it(path: Path) -> None:
    async with running(SqliteJournal(path)) as journal:
        with pytest.raises(JournalError, match=rf"{path.parent} is in use by pid {os.getpid()}"):
            await SqliteJournal(path).run()
        await journal.append([batch(1, 1)])
    async with running(SqliteJournal(path)) as journal:
        assert seqs((await journal.read(ONE)).entries) == [1]


async def test_who_waits_for_a_journal_that_cannot_be_opened_is_told_why(path: Path) -> None:
    path.parent.write_text("a file, no directory")
    journal = SqliteJournal(path)

    async def append() -> None:
        with pytest.raises(JournalError, match=str(path)):
            await journal.append([batch(1, 1)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(append)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(JournalError, match=str(path)):
            await journal.run()


async def test_only_its_user_can_read_it(path: Path) -> None:
    async with running(SqliteJournal(path)) as journal:
        await journal.append([batch(1, 1)])
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
        assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_clean_stop_leaves_no_write_ahead_log(path: Path) -> None:
    async with running(SqliteJournal(path)) as journal:
        await journal.append([batch(1, 100)])
        await journal.read(ONE)
        assert journal.status().size_bytes > 4096
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.db", "journal.db.reserve", "lock"]


class Stuck:
    """A disk that does not answer until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released = threading.Event()
        self.groups: list[int] = []
        write = Writer.write

        def stuck(writer: Writer, writes: list[Write]) -> None:
            self.groups.append(len(writes))
            self.released.wait(20)
            write(writer, writes)

        monkeypatch.setattr(Writer, "write", stuck)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Stuck:
    return Stuck(monkeypatch)


async def _begin(nursery: trio.Nursery, journal: SqliteJournal, stuck: Stuck, appends: int) -> None:
    """One append that the disk has in hand, and others behind it."""
    nursery.start_soon(journal.append, [batch(1, 1)])
    while not stuck.groups:
        await trio.lowlevel.checkpoint()
    for number in range(appends):
        nursery.start_soon(journal.append, [batch(1, 1, SessionId(f"ses_{number}"))])
    await trio.testing.wait_all_tasks_blocked()


async def test_what_gathers_while_the_disk_is_busy_is_written_at_once(path: Path, stuck: Stuck) -> None:
    async with running(SqliteJournal(path)) as journal, trio.open_nursery() as nursery:
        assert isinstance(journal, SqliteJournal)
        await _begin(nursery, journal, stuck, appends=200)
        assert journal.status().lag_ms > 0
        stuck.released.set()
    assert stuck.groups == [1, 200]


async def test_reads_do_not_wait_for_the_writer(path: Path, stuck: Stuck) -> None:
    async with running(SqliteJournal(path)) as journal, trio.open_nursery() as nursery:
        assert isinstance(journal, SqliteJournal)
        await _begin(nursery, journal, stuck, appends=5)
        with trio.fail_after(5):
            assert (await journal.read(ONE)).entries == ()
        stuck.released.set()


async def test_a_stop_writes_what_waits(path: Path, stuck: Stuck) -> None:
    journal = SqliteJournal(path)
    async with trio.open_nursery() as nursery, running(journal):
        await _begin(nursery, journal, stuck, appends=50)
        stuck.released.set()
    async with running(SqliteJournal(path)) as again:
        assert [session.seq for session in await again.sessions()] == [1] * 51


async def test_a_stop_does_not_wait_for_ever_for_a_disk_that_hangs(
    path: Path, stuck: Stuck, autojump_clock: trio.testing.MockClock
) -> None:
    journal = SqliteJournal(path)
    with pytest.RaisesGroup(*[JournalError] * 11):
        async with trio.open_nursery() as nursery, running(journal):
            await _begin(nursery, journal, stuck, appends=10)
    assert trio.current_time() < 6
    stuck.released.set()


async def test_trouble_is_told_when_it_comes_and_goes_and_a_stop_is_no_cure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[ErrorKind | None] = []
    refuses = False
    store = Writer._store

    def moody(writer: Writer, writes: list[Write]) -> None:
        if refuses:
            raise JournalPaused(ErrorKind.JOURNAL_FAILED, "it refuses")
        store(writer, writes)

    def looks(writer: Writer) -> None:
        if not refuses:
            writer._note(None)

    monkeypatch.setattr(Writer, "_store", moody)
    monkeypatch.setattr(Writer, "look", looks)
    monkeypatch.setattr("jelmored.journal.writer.LOOK_SECONDS", 0.05)
    journal = SqliteJournal(path, changed=lambda trouble: told.append(trouble.kind if trouble else None))
    async with running(journal):
        await journal.append([batch(1, 1)])
        refuses = True
        for _ in range(2):
            with pytest.raises(JournalPaused, match="it refuses"):
                await journal.append([batch(2, 2)])
        assert (told, journal.status().ok) == ([ErrorKind.JOURNAL_FAILED], False)
        refuses = False
        with trio.fail_after(5):
            await journal.healed()
        assert (told, journal.status().ok) == ([ErrorKind.JOURNAL_FAILED, None], True)
        await journal.append([batch(2, 2)])
        refuses = True
        with pytest.raises(JournalPaused):
            await journal.append([batch(3, 3)])
    assert told == [ErrorKind.JOURNAL_FAILED, None, ErrorKind.JOURNAL_FAILED]
    with trio.fail_after(1):
        await journal.healed()
