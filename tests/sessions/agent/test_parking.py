"""The prompt that waits for a provider: one reminder looks after it, also after a restart; it may be taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import Epoch, PromptId, SessionId
from jelmored.domain.prompts import WhenUnavailable
from jelmored.domain.sessions import BackgroundTask
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import RunFacts
from jelmored.sessions.agent.hold import RunHold
from jelmored.sessions.agent.parking import LOOK_AGAIN, SOON, Parking
from jelmored.sessions.agent.router import Nowhere
from tests.eventually import eventually
from tests.sessions.agent.test_briefing import router
from tests.sessions.book import Book, open_book
from tests.sessions.stage import ME, Stage, stage
from tests.sessions.turn.test_queue import prompt

WAIT = WhenUnavailable.WAIT


@attrs.define
class Reminders:
    """Those that were asked for, in seconds."""

    asked: list[float] = attrs.field(factory=list)

    def remind(self, seconds: float, epoch: Epoch) -> None:
        self.asked.append(seconds)


@attrs.frozen
class Place:
    parking: Parking
    book: Book
    reminders: Reminders

    def park(self, seconds: float | None = None) -> None:
        until = None if seconds is None else utc_now() + timedelta(seconds=seconds)
        self.parking.park(prompt("patient"), Nowhere("all are busy", until))


async def _deaf(report: object) -> None:
    pass


@asynccontextmanager
async def place(**known: Any) -> AsyncIterator[Place]:
    async with open_book(**known) as book:
        reminders = Reminders()
        yield Place(Parking(book.chronicle, RunHold(_deaf), router(), reminders), book, reminders)


async def test_it_says_once_why_it_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with place() as p:
        p.park(10)
        p.park(10)
        (event,) = await p.book.published()
        assert event["metadata"]["subtype"] == "waiting_for_provider"
        assert (event["content"], event["metadata"]["promptId"]) == ("all are busy", "patient")


async def test_however_often_it_is_parked_one_look_is_to_come(autojump_clock: trio.testing.MockClock) -> None:
    async with place() as p:
        for _ in range(5):
            p.park()
        assert len(p.reminders.asked) == 1
        await trio.sleep(LOOK_AGAIN)
        p.parking.look_again()
        assert len(p.reminders.asked) == 2


async def test_it_looks_again_sooner_where_a_provider_is_back_sooner(autojump_clock: trio.testing.MockClock) -> None:
    async with place() as p:
        p.park(3600)
        p.park(-5)
        assert p.reminders.asked == [LOOK_AGAIN, SOON]


async def test_where_nothing_waits_nothing_is_looked_for(autojump_clock: trio.testing.MockClock) -> None:
    async with place() as p:
        p.parking.look_again()
        p.park()
        p.parking.leave()
        assert not p.parking.taken
        await trio.sleep(LOOK_AGAIN)
        p.parking.look_again()
        assert len(p.reminders.asked) == 1


# In a session


async def parked(s: Stage) -> tuple[SessionId, PromptId]:
    """A prompt that waits: its only provider is overloaded for an hour."""
    session_id = await s.create()
    receipt = await s.prompt(session_id, "patient", when_unavailable=WAIT)
    run = await s.provider.opened()
    await run.heard()
    busy = Failure(kind=ErrorKind.OVERLOADED, message="529", retry_at=utc_now() + timedelta(hours=1))
    await run.finish(TurnReason.FAILED, busy)
    await s.watcher.wait_for("turn_ended")
    return session_id, receipt.prompt_id


async def test_when_it_is_taken_back_nothing_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(hibernate_after=60) as s:
        session_id, prompt_id = await parked(s)
        await trio.sleep(300)
        assert s.directory.awake == 1
        await s.directory.unqueue(session_id, prompt_id, ME)
        await trio.sleep(300)
        assert s.directory.awake == 0


async def test_behind_one_that_is_taken_back_the_next_need_not_wait(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, prompt_id = await parked(s)
        await s.prompt(session_id, "impatient", when_unavailable=WhenUnavailable.FAIL)
        await s.directory.unqueue(session_id, prompt_id, ME)
        await s.watcher.wait_for("turn_started", 2)
        assert s.directory.queue(session_id) == ()


async def test_a_close_forgets_it(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, _ = await parked(s)
        await s.directory.close(session_id, ME)
        await trio.sleep(60)
        assert s.directory.awake == 0


async def test_after_a_restart_it_is_looked_after_though_nobody_asks(autojump_clock: trio.testing.MockClock) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal) as s:
        _, prompt_id = await parked(s)
    async with stage(journal=journal) as s:
        await eventually(lambda: "turn_started" in s.watcher.types, 60)
        (started,) = [event for event in s.watcher.events if event["eventType"] == "turn_started"]
        assert started["metadata"]["promptId"] == prompt_id


@pytest.mark.parametrize("wish", [WhenUnavailable.WAIT, WhenUnavailable.FAIL])
async def test_an_agent_that_is_there_needs_no_further_place(
    wish: WhenUnavailable, autojump_clock: trio.testing.MockClock
) -> None:
    async with stage(max_runs=1) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(
            RunFacts(background_tasks=(BackgroundTask(task_id="t", title="a task"),))
        )  # it is not put to sleep
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await s.prompt(session_id, "two", when_unavailable=wish)
        assert (await run.heard()).text == "two"
