"""Sessions that nobody uses any more: they are ended, and later gone, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import BackgroundTask, SessionView
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, JournalError
from jelmored.providers.base import RunFacts, TurnOver
from jelmored.sessions.upkeep.janitor import Janitor
from tests.sessions.stage import ME, Stage, Watcher, stage

Clock = trio.testing.MockClock
LATER = timedelta(hours=2)
HOUR = 3600.0


@asynccontextmanager
async def unwatched(**more: float) -> AsyncIterator[Stage]:
    """A stage whose watcher has left, and a janitor two hours later."""
    async with stage() as s:
        settings = {"every": 60.0, "expire_after": 0.0, "retention_days": 0.0, **more}
        janitor = Janitor(s.directory.sweeper, now=lambda: utc_now() + LATER, **settings)
        s.directory.hub.leave(s.watcher)
        async with running(janitor.run):
            yield s


async def idle(s: Stage) -> SessionId:
    session_id = await s.create("go")
    run = await s.provider.opened()
    await run.heard()
    await run.finish()
    await trio.sleep(1)
    return session_id


def statuses(s: Stage) -> dict[Status, int]:
    return dict(s.directory.counts())


async def test_one_that_is_idle_for_too_long_is_ended_and_its_log_says_why(autojump_clock: Clock) -> None:
    async with unwatched(expire_after=HOUR) as s:
        session_id, empty = await idle(s), await s.create()
        await trio.sleep(100)
        assert statuses(s) == {Status.TERMINATED: 2}
        assert not s.directory.get(session_id).attached
        for one in (session_id, empty):
            bodies = [entry.body for entry in (await s.journal.read(one)).entries]
            assert b'"subtype":"expired"' in bodies[-2]
            assert b"terminated" in bodies[-1]


@pytest.mark.parametrize("expire_after", [0.0, 3 * HOUR])
async def test_it_stays_where_that_is_not_wanted_or_not_yet(autojump_clock: Clock, expire_after: float) -> None:
    async with unwatched(expire_after=expire_after) as s:
        await idle(s)
        await trio.sleep(1000)
        assert statuses(s) == {Status.IDLE: 1}


async def test_one_that_is_used_stays(autojump_clock: Clock) -> None:
    async with unwatched(expire_after=HOUR) as s:
        await s.create("a turn runs")
        await (await s.provider.opened()).heard()
        in_background = await s.create("it works in the background")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(RunFacts(background_tasks=(BackgroundTask(task_id="t", title="a task"),)))
        await run.finish()
        queue = await s.create("prompts wait")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(queue, "another")
        await run.tell(TurnOver(reason=TurnReason.FAILED, failure=Failure(kind=ErrorKind.UNAVAILABLE, message="503")))
        watched = await s.create()
        feed = s.directory.hub.feed(watched)
        assert feed is not None
        watcher = Watcher()
        feed.subscribers.add(watcher)
        await trio.sleep(70)
        assert Status.TERMINATED not in statuses(s)
        feed.subscribers.discard(watcher)
        await trio.sleep(70)
        assert s.directory.get(watched).status is Status.TERMINATED
        assert s.directory.get(in_background).status is Status.IDLE
        assert statuses(s)[Status.TERMINATED] == 1


async def test_terminated_ones_are_gone_when_their_time_is_over_and_no_others(autojump_clock: Clock) -> None:
    async with unwatched(retention_days=1 / 24) as s:
        kept, gone = await idle(s), await s.create()
        await s.directory.close(gone, ME)
        await trio.sleep(100)
        assert statuses(s) == {Status.IDLE: 1}
        assert (await s.journal.session(kept), await s.journal.session(gone)) != (None, None)
        assert await s.journal.session(gone) is None


@pytest.mark.parametrize("retention_days", [0.0, 1.0])
async def test_they_stay_as_long_as_that_is_wanted(autojump_clock: Clock, retention_days: float) -> None:
    async with unwatched(retention_days=retention_days) as s:
        await s.directory.close(await s.create(), ME)
        await trio.sleep(1000)
        assert statuses(s) == {Status.TERMINATED: 1}


class Failing:
    """A disk that is full at the first look."""

    def __init__(self) -> None:
        self.looks = 0

    async def expire(self, before: datetime) -> int:
        self.looks += 1
        if self.looks == 1:
            raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        return 0

    async def clean_up(self, before: datetime) -> tuple[SessionView, ...]:
        assert before < datetime.now(UTC)
        return ()


async def test_what_fails_is_tried_again(autojump_clock: Clock) -> None:
    failing = Failing()
    async with running(Janitor(failing, every=60, expire_after=1, retention_days=1).run):
        await trio.sleep(150)
    assert failing.looks == 2


async def test_new_settings_count_at_once_however_long_the_pause_was(autojump_clock: Clock) -> None:
    async with stage() as s:
        janitor = Janitor(
            s.directory.sweeper, now=lambda: utc_now() + LATER, every=1e7, expire_after=0, retention_days=0
        )
        s.directory.hub.leave(s.watcher)
        async with running(janitor.run):
            await idle(s)
            janitor.heed(every=60, expire_after=HOUR, retention_days=0)
            await trio.sleep(61)
            assert statuses(s) == {Status.TERMINATED: 1}
