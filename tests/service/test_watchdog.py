from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from jelmored.actors.running import running
from jelmored.errors import ErrorKind, JournalError, JournalPaused
from jelmored.journal.memory import MemoryJournal
from jelmored.journal.sqlite import SqliteJournal
from jelmored.journal.writer import Writer
from jelmored.service.manager import Manager
from jelmored.service.watchdog import ANSWER_SECONDS, LAG_SECONDS, Sign, Watchdog, writing

from .ear import Ear, listening
from .managed import managed

WITHIN = 30.0
ALIVE = "WATCHDOG=1"


async def well() -> None:
    """A sign of life."""


@asynccontextmanager
async def watched(**signs: Sign) -> AsyncIterator[Ear]:
    with listening() as ear:
        async with running(Watchdog(Manager(ear.address), WITHIN, signs).run):
            yield ear


async def test_it_is_told_three_times_in_its_time(autojump_clock: MockClock) -> None:
    async with watched(journal=well, door=well) as ear:
        for times in range(1, 4):
            await trio.sleep(WITHIN + 1)
            assert ear.count(ALIVE) == 3 * times


async def test_a_late_loop_is_not_well(autojump_clock: MockClock) -> None:
    async with watched() as ear:
        for late, words in ((LAG_SECONDS - 0.1, 1), (LAG_SECONDS + 0.1, 1), (0, 2)):
            await trio.testing.wait_all_tasks_blocked()
            autojump_clock.jump(WITHIN / 3 + late)
            await trio.testing.wait_all_tasks_blocked()
            assert ear.count(ALIVE) == words


@pytest.mark.parametrize("other", ["journal", "door"])
async def test_it_is_silent_without_any_one_sign(other: str, autojump_clock: MockClock) -> None:
    """One that comes late or never; one that says no; then it is there again."""
    answers: list[Sign] = []

    async def sign() -> None:
        if answers:
            await answers.pop(0)()

    async def refused() -> None:
        raise OSError("refused")

    async def stopped() -> None:
        raise JournalError(ErrorKind.JOURNAL_FAILED, "it has stopped")

    async def late() -> None:
        await trio.sleep(ANSWER_SECONDS + 0.1)

    signs = dict.fromkeys(("journal", "door"), well)
    async with watched(**{**signs, other: sign}) as ear:
        await trio.sleep(WITHIN / 3 + 0.1)
        assert ear.count(ALIVE) == 1
        answers += [trio.sleep_forever, refused, stopped, late]
        await trio.sleep(2 * (WITHIN / 3 + ANSWER_SECONDS) + 2 * WITHIN / 3)
        assert ear.count(ALIVE) == 1
        await trio.sleep(WITHIN / 3 + 0.1)
        assert ear.count(ALIVE) == 2


async def test_nobody_watches_and_nothing_is_looked_at(autojump_clock: MockClock) -> None:
    async def asked() -> None:
        raise AssertionError

    with listening() as ear:
        async with running(Watchdog(Manager(ear.address), None, {"door": asked}).run):
            await trio.sleep(100)
        assert ear.listen() == []


async def test_a_writer_that_hangs_gives_no_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, hangs, go_on = SqliteJournal(tmp_path / "journal.db"), threading.Event(), threading.Event()
    write = Writer.write

    def hanging(self: Writer, writes: object) -> None:
        if hangs.is_set():
            go_on.wait()
        write(self, writes)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "write", hanging)
    async with running(journal.run):
        sign = writing(journal)
        with trio.fail_after(5):
            await sign()
        hangs.set()
        try:
            with trio.move_on_after(0.2) as patience:
                await sign()
            assert patience.cancelled_caught
        finally:
            go_on.set()
        with trio.fail_after(5):
            await sign()


async def test_a_full_disk_is_no_death_and_a_journal_that_has_stopped_is_one() -> None:
    class Full(MemoryJournal):
        async def append(self, batches: object) -> None:
            raise JournalPaused(ErrorKind.JOURNAL_FULL, "no room")

    await writing(Full())()
    journal = MemoryJournal()
    async with running(journal.run):
        await writing(journal)()
    with pytest.raises(JournalError):
        await writing(journal)()


@pytest.mark.parametrize("part", ["loop", "journal", "door"])
async def test_a_daemon_of_which_a_part_hangs_falls_silent(part: str, root: Path) -> None:
    hanging = ("-m", "tests.service.hanging", part)
    async with managed(root, environ={"WATCHDOG_USEC": "600000"}, program=hanging) as unit:
        await unit.ear.hears(ALIVE, times=3)
        unit.signal(signal.SIGUSR1)
        await trio.sleep(0.6)  # a word may have been on its way
        heard = unit.ear.count(ALIVE)
        await trio.sleep(1.8)  # three times as long as the manager would wait
        assert unit.ear.count(ALIVE) == heard
        assert unit.process.poll() is None, "it is there, and nobody but the manager could tell"
