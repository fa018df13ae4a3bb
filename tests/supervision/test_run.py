"""One run of a puppet, as its session hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.events import DeltaKind, TurnReason
from jelmored.domain.failures import RunClass, RunEnd
from jelmored.domain.ids import ConnectionId, Epoch, ItemId, PromptId, ProviderName, RequestId, SessionId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.domain.sessions import BackgroundTask
from jelmored.errors import ErrorKind, ProviderUnavailableError, SessionError
from jelmored.providers.base import Delta, RunFacts, RunTimeouts, SessionConfig, TurnBegan, TurnOver
from jelmored.supervision.places import Places
from jelmored.supervision.reports import Ready, Reply, Report, Say, SleepWanted, Stop, Waiting
from jelmored.supervision.run import ORDERS, Grant, Run, all_of_it
from jelmored.testing.puppet import PuppetProvider, PuppetSession

TASK = BackgroundTask(task_id="t1", title="sleep 9")
PUPPET = ProviderName("puppet")
GO = Prompt(
    prompt_id=PromptId("prm_1"),
    blocks=(TextBlock(text="go"),),
    by=Author(connection_id=ConnectionId("con_1"), client="test"),
)
CRASH = SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9")
ONE, TWO = (Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text=text) for text in ("one", "two"))
FINISHED = TurnOver(reason=TurnReason.COMPLETED)


@attrs.define
class Scene:
    """A run, its puppet, and all that was reported."""

    run: Run
    provider: PuppetProvider
    news: list[Any] = attrs.field(factory=list)
    pause: float = 0
    """Seconds that the session takes for each report."""

    async def hear(self, report: Report) -> None:
        assert report.epoch == 3
        await trio.sleep(self.pause)
        self.news.append(report.news)

    async def puppet(self) -> PuppetSession:
        puppet = await self.provider.opened()
        await trio.testing.wait_all_tasks_blocked()
        return puppet

    async def end(self, within: float = 30) -> RunEnd:
        """The last word; nothing follows it."""
        with trio.fail_after(within):
            await self.run.over.wait()
        assert [isinstance(news, RunEnd) for news in self.news] == [False] * (len(self.news) - 1) + [True]
        return self.news[-1]  # type: ignore[no-any-return]

    async def failed_by(self) -> ErrorKind:
        failure = (await self.end(within=100)).failure
        assert failure is not None
        return failure.kind


@asynccontextmanager
async def a_run(
    facts: Any = None,
    *,
    provider: PuppetProvider | None = None,
    places: Places | None = None,
    model: float = 100,
    grant: Grant = all_of_it,
) -> AsyncIterator[Scene]:
    provider = provider or PuppetProvider()
    provider.facts = facts or provider.facts
    heard: list[Scene] = []
    run = Run(
        epoch=Epoch(3),
        config=SessionConfig(session_id=SessionId("ses_1"), cwd="/"),
        provider=provider,
        hear=lambda report: heard[0].hear(report),
        places=places or Places(5, {PUPPET: 5}),
        timeouts=RunTimeouts(model=model),
        grant=grant,
    )
    heard.append(Scene(run, provider))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.run)
        yield heard[0]
        nursery.cancel_scope.cancel()


class Asleep(PuppetSession):
    """An agent that is never ready."""

    async def run(self, *_: Any, **__: Any) -> None:
        await trio.sleep_forever()


class Slow(PuppetProvider):
    def open(self, config: SessionConfig) -> PuppetSession:
        return Asleep(config, RunFacts)


async def test_from_ready_to_the_end_in_order(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        puppet = await s.puppet()
        s.run.post(Say(GO))
        assert (await puppet.heard()).text == "go"
        await puppet.tell(ONE, TWO)
        await puppet.tell()
        await puppet.finish()
        s.run.close()
        assert await s.end() == RunEnd(cls=RunClass.REQUESTED)
        ready, deltas, (over,), _ = s.news
        assert isinstance(ready, Ready)
        assert deltas == [ONE, TWO]
        assert over.reason is TurnReason.COMPLETED
        assert puppet.closed


async def test_what_an_agent_said_before_it_crashed_is_told_before_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_run() as s:
        puppet = await s.puppet()
        s.pause = 1
        for _ in range(10):
            await puppet.tell(ONE)
        puppet.crash(CRASH)
        end = await s.end()
        assert s.news[1:-1] == [[ONE]] * 10
        assert (end.cls, end.failure and end.failure.message) == (RunClass.CRASH, "killed by signal 9")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CRASH, ErrorKind.AGENT_CRASHED),
        (ProviderUnavailableError(ErrorKind.NOT_INSTALLED, "no such program"), ErrorKind.NOT_INSTALLED),
        (ExceptionGroup("g", [ExceptionGroup("g", [KeyError("?"), CRASH])]), ErrorKind.AGENT_CRASHED),
        (ExceptionGroup("g", [KeyError("?"), ValueError("?")]), ErrorKind.AGENT_CRASHED),
        (ZeroDivisionError("?"), ErrorKind.AGENT_CRASHED),
    ],
)
@pytest.mark.parametrize("when", ["at its start", "later"])
async def test_whatever_a_provider_raises_is_the_end_of_the_run_alone(
    autojump_clock: trio.testing.MockClock, error: Any, kind: ErrorKind, when: str
) -> None:
    async with a_run(error if when == "at its start" else None) as s:
        if when == "later":
            (await s.puppet()).crash(error)
        assert await s.failed_by() is kind
        assert s.run.provider_name == PUPPET


async def test_a_provider_that_can_not_even_open_a_run(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PuppetProvider, "open", lambda *_: 1 / 0)
    async with a_run() as s:
        assert await s.failed_by() is ErrorKind.AGENT_CRASHED


async def test_an_agent_that_is_not_ready_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_run(provider=Slow()) as s:
        assert await s.failed_by() is ErrorKind.AGENT_CRASHED
        assert 60 <= trio.current_time() < 62
        assert len(s.news) == 1


async def test_closed_before_it_is_ready_it_ends_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_run(provider=Slow()) as s:
        await trio.testing.wait_all_tasks_blocked()
        s.run.close()
        assert (await s.end(within=1)).cls is RunClass.REQUESTED


async def test_closed_while_it_waits_for_a_place_it_ends_at_once(autojump_clock: trio.testing.MockClock) -> None:
    places = Places(1, {PUPPET: 1})
    async with a_run(places=places) as first:
        first.run.post(Say(GO))
        await (await first.puppet()).heard()
        async with a_run(places=places) as s:
            await trio.sleep(5)
            assert [type(news) for news in s.news] == [Waiting]
            s.run.close()
            assert (await s.end(within=1)).cls is RunClass.REQUESTED
        assert places.taken == 1


async def test_an_interrupt_without_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        puppet = await s.puppet()
        puppet.deaf = True
        s.run.post(Say(GO))
        s.run.post(Stop())
        began = trio.current_time()
        assert await s.failed_by() is ErrorKind.AGENT_CRASHED
        assert 5 <= trio.current_time() - began < 6


async def test_an_interrupt_outside_of_a_turn_expects_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        await s.puppet()
        s.run.post(Stop())
        await trio.sleep(1000)
        assert not s.run.over.is_set()


async def test_silence_ends_the_turn_and_says_why(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run(model=40) as s:
        puppet = await s.puppet()
        s.run.post(Say(GO))
        await trio.sleep(30)
        await puppet.tell()
        began = trio.current_time()
        await trio.sleep(60)
        (over,) = s.news[-1]
        assert (over.reason, over.failure.kind) == (TurnReason.FAILED, ErrorKind.TURN_STALLED)
        assert puppet.interrupts == 1
        assert autojump_clock.current_time() - began >= 40
        s.run.post(Say(GO))
        await puppet.finish()
        await trio.testing.wait_all_tasks_blocked()
        assert s.news[-1][0].reason is TurnReason.COMPLETED


async def test_silence_of_an_agent_that_answers_no_interrupt_either(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run(model=40) as s:
        puppet = await s.puppet()
        puppet.deaf = True
        s.run.post(Say(GO))
        assert await s.failed_by() is ErrorKind.TURN_STALLED


async def test_the_end_of_the_agents_own_turn_is_not_that_of_a_prompt_given_meanwhile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_run() as s:
        puppet = await s.puppet()
        await puppet.tell(TurnBegan())
        s.run.post(Say(GO))
        await puppet.heard()
        await puppet.tell(TurnOver(reason=TurnReason.COMPLETED, origin="agent"))
        await trio.testing.wait_all_tasks_blocked()
        assert s.news[1:] == [[TurnBegan()]]
        assert s.run.idle_since is None
        await puppet.finish()
        await trio.testing.wait_all_tasks_blocked()
        assert s.run.idle_since is not None


async def test_orders_that_nobody_takes_end_the_run(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        await s.puppet()
        for _ in range(ORDERS + 2):
            s.run.post(Stop())
        assert await s.failed_by() is ErrorKind.AGENT_CRASHED


async def test_orders_after_the_end_are_void(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        (await s.puppet()).crash(CRASH)
        await s.end()
        s.run.post(Say(GO))
        s.run.post(Reply(RequestId("r"), Answer(verdict=Verdict.ALLOW)))
        s.run.close()
        s.run.want_sleep()
        await trio.sleep(100)
        await s.end()


async def test_an_agent_that_can_not_be_told_has_ended(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise SessionError(ErrorKind.NETWORK, "connection reset")

    monkeypatch.setattr(PuppetSession, "prompt", broken)
    async with a_run() as s:
        await s.puppet()
        s.run.post(Say(GO))
        assert await s.failed_by() is ErrorKind.NETWORK


async def test_whatever_is_no_run_event_ends_the_run(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        await (await s.puppet()).tell(ONE, "two")  # type: ignore[arg-type]
        assert await s.failed_by() is ErrorKind.AGENT_CRASHED
        assert [ONE, "two"] not in s.news


async def test_an_agent_that_leaves_unasked_has_ended_normally(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        (await s.puppet()).leave()
        assert await s.end() == RunEnd(cls=RunClass.NORMAL)


async def test_cancelled_it_still_says_that_it_is_over(autojump_clock: trio.testing.MockClock) -> None:
    places = Places(1, {PUPPET: 1})
    async with a_run(places=places) as s:
        await s.puppet()
    assert s.news[-1].cls is RunClass.REQUESTED
    assert s.run.over.is_set()
    assert places.taken == 0


async def test_the_last_word_waits_for_a_session_that_is_behind_but_not_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_run() as s:
        await s.puppet()
        s.pause = 1000
    assert (trio.current_time(), s.run.over.is_set()) == (5, True)


async def test_it_asks_to_sleep_and_the_session_decides(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        await s.puppet()
        s.run.want_sleep()
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(s.news[-1], SleepWanted)
        assert not s.run.over.is_set()


async def test_idle_is_who_has_nothing_to_do(autojump_clock: trio.testing.MockClock) -> None:
    async with a_run() as s:
        puppet = await s.puppet()
        idle = [s.run.idle_since]
        s.run.post(Say(GO))
        await puppet.heard()
        idle.append(s.run.idle_since)
        await trio.sleep(7)
        for event in (FINISHED, RunFacts(background_tasks=(TASK,)), RunFacts(background_tasks=())):
            await puppet.tell(event)
            await trio.testing.wait_all_tasks_blocked()
            idle.append(s.run.idle_since)
        s.run.close()
        assert [*idle, s.run.idle_since] == [0, None, 7, None, 7, None]


NO = SessionError(ErrorKind.FORBIDDEN, "not there")


async def test_what_may_not_work_is_not_so_much_as_opened(autojump_clock: trio.testing.MockClock) -> None:
    async def never(config: SessionConfig) -> SessionConfig:
        raise NO

    async with a_run(grant=never) as s:
        end = await s.end()
        assert end.failure is not None
        assert (end.cls, end.failure.kind) == (RunClass.REQUEST, ErrorKind.FORBIDDEN)
        with trio.move_on_after(1) as nothing:
            await s.provider.opened()
        assert nothing.cancelled_caught


async def test_it_is_asked_again_before_each_prompt(autojump_clock: trio.testing.MockClock) -> None:
    may = [True]

    async def now(config: SessionConfig) -> SessionConfig:
        if not may[0]:
            raise NO
        return attrs.evolve(config, environment={"A": "b"})

    async with a_run(grant=now) as s:
        puppet = await s.puppet()
        assert puppet.config.environment == {"A": "b"}
        s.run.post(Say(GO))
        await puppet.heard()
        await puppet.finish()
        may[0] = False
        s.run.post(Say(GO))
        assert await s.failed_by() is ErrorKind.FORBIDDEN
        assert [prompt.text for prompt in puppet.prompts] == ["go"]
