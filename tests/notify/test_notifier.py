"""Real sessions over puppets: whoever is away is told once of each thing, and a fault of a way stays there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import trio
import trio.testing
from structlog.testing import capture_logs

from jelmored.actors.running import running
from jelmored.domain.commands import Interrupt, ResolveApproval
from jelmored.domain.events import TurnCause, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import RequestId, SessionId
from jelmored.domain.permissions import PermissionRequest, ToolKind
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.notify.courier import Way
from jelmored.notify.notices import Notice
from jelmored.notify.notifier import Notifier
from jelmored.providers.base import Asked
from jelmored.sessions.hub import EventFrame, Feed, Hub
from jelmored.testing.puppet import PuppetSession
from tests.sessions.stage import ME, Stage, stage

from .cases import FACTS, VIEW, asked, ended


class Keeping:
    """A way that keeps what it is to tell."""

    name = "keeping"

    def __init__(self) -> None:
        self.told: list[Notice] = []

    async def tell(self, notice: Notice) -> None:
        self.told.append(notice)

    @property
    def words(self) -> list[str]:
        return [f"{one.event}: {one.text}" for one in self.told]


class Falling:
    """A way with a bug."""

    name = "falling"

    async def tell(self, notice: Notice) -> None:
        raise ZeroDivisionError


@asynccontextmanager
async def away(*ways: Way) -> AsyncIterator[Stage]:
    """Sessions that nobody is attached to."""
    async with stage() as s:
        hub = s.directory.hub
        hub.unwatch(s.watcher)
        async with running(Notifier(hub, s.directory.get, ways).run):
            yield s


def question(request: str) -> Asked:
    return Asked(
        PermissionRequest(
            request_id=RequestId(request), tool_name="Bash", kind=ToolKind.EXECUTE, title=f"run {request}", input={}
        )
    )


async def begun(s: Stage) -> tuple[SessionId, PuppetSession]:
    session_id = await s.create("one")
    run = await s.provider.opened()
    await run.heard()
    return session_id, run


async def answer_all(s: Stage, run: PuppetSession) -> None:
    for approval in s.directory.approvals():
        await s.directory.resolve(ResolveApproval(approval_id=approval.approval_id, option_id="allow"), ME)
        await run.heard_answer()


async def test_two_questions_are_one_notice_and_a_third_after_the_answers_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    way = Keeping()
    async with away(way) as s:
        session_id, run = await begun(s)
        await run.tell(question("1"))
        await run.tell(question("2"))
        await trio.sleep(1)
        assert way.words == ["waiting: run 1"]
        assert (way.told[0].session_id, way.told[0].status, way.told[0].turn) == (session_id, "waiting_input", 1)
        await answer_all(s, run)
        await run.tell(question("3"), question("4"))
        await trio.sleep(1)
        await answer_all(s, run)
        await run.finish()
        await trio.sleep(1)
    assert way.words == ["waiting: run 1", "waiting: run 3", "ended: turn 1 is done"]


async def test_whoever_is_attached_is_not_told(autojump_clock: trio.testing.MockClock) -> None:
    way = Keeping()
    async with away(way) as s:
        session_id, run = await begun(s)
        feed = s.directory.hub.feeds[session_id]
        feed.subscribers.add(s.watcher)
        await run.tell(question("1"))
        await trio.sleep(1)
        assert s.directory.get(session_id).subscribers == 1
        feed.subscribers.discard(s.watcher)
        await run.tell(question("2"))
        await trio.sleep(1)
        assert way.told == [], "he has seen it wait"
        await answer_all(s, run)
        await run.finish()
        await trio.sleep(1)
    assert way.words == ["ended: turn 1 is done"]


async def test_a_failure_is_told_with_its_remedy(autojump_clock: trio.testing.MockClock) -> None:
    way = Keeping()
    async with away(way) as s:
        _, run = await begun(s)
        failure = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in", remedy="run `claude /login`")
        await run.finish(TurnReason.FAILED, failure)
        await trio.sleep(1)
    assert way.words == ["failed: turn 1: auth-required; run `claude /login`"]


async def test_what_a_person_has_cut_is_no_news_to_him(autojump_clock: trio.testing.MockClock) -> None:
    way = Keeping()
    async with away(way) as s:
        session_id, _ = await begun(s)
        await s.directory.interrupt(Interrupt(session_id=session_id), ME)
        await trio.sleep(1)
        assert s.directory.get(session_id).status is Status.IDLE
    assert way.told == []


async def test_a_turn_that_the_stop_of_the_daemon_cuts_is_told_before_it_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    hub, way = Hub(), Keeping()
    async with running(Notifier(hub, lambda session_id: VIEW, [way]).run):
        feed = Feed(FACTS.session_id, FACTS.log_id, 0)
        hub.open(feed)
        feed.publish([EventFrame(1, b"{}", event=ended(TurnReason.INTERRUPTED, TurnCause.DAEMON_RESTART))])
    assert way.words == ["ended: turn 3 was interrupted: the daemon stopped"]


async def test_a_way_that_falls_too_often_is_given_up_alone(autojump_clock: trio.testing.MockClock) -> None:
    way = Keeping()
    with capture_logs() as logged:
        async with away(Falling(), way) as s:
            session_id, run = await begun(s)
            for turn in range(1, 7):
                await run.finish()
                await trio.sleep(40)
                assert len(way.told) == turn
                await s.prompt(session_id, "again")
                await run.heard()
    assert [line["child"] for line in logged if line["event"] == "child failed too often"] == ["falling"]


async def test_a_session_that_is_gone_by_then_is_not_told(autojump_clock: trio.testing.MockClock) -> None:
    def gone(session_id: SessionId) -> NoReturn:
        raise Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}")

    hub, way = Hub(), Keeping()
    async with running(Notifier(hub, gone, [way]).run):
        feed = Feed(FACTS.session_id, FACTS.log_id, 0)
        hub.open(feed)
        feed.publish([EventFrame(1, b"{}", event=asked("a"))])
    assert way.told == []


async def test_ways_may_be_others_from_now_on(autojump_clock: trio.testing.MockClock) -> None:
    class Another(Keeping):
        name = "another"

    first, second = Keeping(), Another()
    async with stage() as s:
        s.directory.hub.unwatch(s.watcher)
        notifier = Notifier(s.directory.hub, s.directory.get, [first], ["another"])
        async with running(notifier.run):
            session_id, run = await begun(s)
            await run.finish()
            await trio.sleep(1)
            notifier.heed([second])
            await s.prompt(session_id, "again")
            await run.heard()
            await run.finish()
            await trio.sleep(1)
            assert notifier.ways == (second,)
    assert (len(first.told), len(second.told)) == (1, 1)
