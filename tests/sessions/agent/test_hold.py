"""At most one run at a time: which one is listened to, what it can take, when another is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.failures import RunEnd
from jelmored.domain.ids import Epoch, PromptId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Prompt, TextBlock
from jelmored.domain.sessions import BackgroundTask, Limits, NativeSession
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import RunTimeouts, SessionConfig
from jelmored.sessions.agent.hold import RunHold
from jelmored.supervision.connectivity import Connectivity
from jelmored.supervision.places import Places
from jelmored.supervision.provider import ProviderSpec, ProviderSupervisor
from jelmored.supervision.reports import Ready, Report, Say
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from tests.sessions.book import PROVIDER, SESSION, facts
from tests.sessions.stage import ME

TASK = BackgroundTask(task_id="t1", title="sleep 9")

PROMPT = Prompt(prompt_id=PromptId("prm_1"), blocks=(TextBlock(text="hello"),), by=ME)
ANYTHING = Ready(PuppetProvider().facts)  # type: ignore[arg-type]


@attrs.define
class Scene:
    """A hold, its provider, and what it was told."""

    supervisor: ProviderSupervisor
    provider: PuppetProvider
    hold: RunHold
    reports: list[Report]

    async def open(self, **known: Any) -> PuppetSession:
        self.hold.open(self.supervisor, facts(**known))
        puppet = await self.provider.opened()
        await trio.testing.wait_all_tasks_blocked()
        return puppet


@asynccontextmanager
async def holding() -> AsyncIterator[Scene]:
    reports: list[Report] = []

    async def hear(report: Report) -> None:
        reports.append(report)

    provider = PuppetProvider()
    spec = ProviderSpec(
        provider=provider,
        type="puppet",
        enabled=True,
        named=True,
        max_runs=4,
        timeouts=RunTimeouts(),
        hibernate_after=0,
    )
    supervisor = ProviderSupervisor(
        spec, Places(10, {PROVIDER: 4}), lambda view: None, network=Connectivity(lambda: ())
    )
    async with running(supervisor.run):
        yield Scene(supervisor, provider, RunHold(hear), reports)


async def test_without_a_run_it_listens_to_nobody(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        assert (s.hold.empty, s.hold.closing, s.hold.listens) == (True, False, False)
        assert not s.hold.knows(Report(s.hold.epoch, ANYTHING))
        s.hold.post(Say(PROMPT))
        s.hold.close()
        await s.hold.let_go()
        assert s.reports == []


async def test_it_knows_its_run_and_none_before(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        await s.open()
        assert [(report.epoch, s.hold.knows(report)) for report in s.reports] == [(Epoch(1), True)]
        s.hold.lose()
        assert not s.hold.knows(s.reports[0])
        await s.open()
        assert [(report.epoch, s.hold.knows(report)) for report in s.reports] == [(Epoch(1), False), (Epoch(2), True)]


async def test_a_new_life_hears_none_of_a_former_one(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        await s.open()
        s.hold.ready, s.hold.pausing, s.hold.background_tasks = True, True, (TASK,)
        s.hold.forget()
        assert (s.hold.empty, s.hold.ready, s.hold.pausing, list(s.hold.background_tasks)) == (True, False, False, [])
        await s.open()
        assert not s.hold.knows(s.reports[0])


async def test_a_prompt_is_heard_when_the_agent_is_ready_and_not_told_to_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with holding() as s:
        puppet = await s.open()
        before = s.hold.listens
        s.hold.ready = True
        assert (before, s.hold.listens) == (False, True)
        s.hold.post(Say(PROMPT))
        assert await puppet.heard() == PROMPT
        s.hold.close()
        assert (s.hold.closing, s.hold.listens, s.hold.empty) == (True, False, False)


async def test_let_go_waits_until_nothing_of_the_run_is_left(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        puppet = await s.open()
        await s.hold.let_go()
        assert (puppet.closed, puppet.alive) == (True, False)
        assert isinstance(s.reports[-1].news, RunEnd)


async def test_an_agent_that_clings_is_not_let_go_early(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        puppet = await s.open()
        puppet.clings = True
        await s.hold.let_go()
        assert not puppet.alive
        assert 20 <= trio.current_time() < 22, "the 20 s that an agent has to end"


async def test_a_provider_that_takes_no_sessions_refuses(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        pass
    with pytest.raises(Refused) as refused:
        s.hold.open(s.supervisor, facts())
    assert refused.value.kind is ErrorKind.NO_PROVIDER
    assert s.hold.empty


async def test_an_agent_is_started_as_the_facts_say(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        puppet = await s.open(
            cwd="/src",
            wanted_model="m-1",
            model="m-1-as-the-agent-calls-it",
            permission_mode=PermissionMode.PLAN,
            system_prompt="be brief",
            directories=("/lib",),
            limits=Limits(max_turns=3),
        )
        assert puppet.config == SessionConfig(
            session_id=SESSION,
            cwd="/src",
            model="m-1",
            permission_mode=PermissionMode.PLAN,
            system_prompt="be brief",
            directories=("/lib",),
            max_turns=3,
        )


@pytest.mark.parametrize(("used", "resumed"), [(True, "n1"), (False, None)])
async def test_only_what_has_taken_a_message_is_resumed(
    autojump_clock: trio.testing.MockClock, used: bool, resumed: str | None
) -> None:
    async with holding() as s:
        puppet = await s.open(native={PROVIDER: NativeSession(native_id="n1", used=used)})
        assert puppet.config.native_id == resumed


async def test_a_third_crash_in_a_row_was_the_last_try(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        first, second, third = [s.hold.next_try(lived=1) for _ in range(3)]
        assert first == pytest.approx(1, rel=0.1)
        assert second == pytest.approx(2, rel=0.1)
        assert third is None


async def test_a_completed_turn_begins_the_count_anew(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        for _ in range(2):
            s.hold.next_try(lived=1)
        s.hold.stabilised()
        assert s.hold.next_try(lived=1) == pytest.approx(1, rel=0.1)


async def test_more_than_three_tries_in_five_minutes_are_too_many(autojump_clock: trio.testing.MockClock) -> None:
    async with holding() as s:
        for _ in range(3):
            s.hold.stabilised()
            assert s.hold.next_try(lived=1) is not None
        s.hold.stabilised()
        assert s.hold.next_try(lived=1) is None
        await trio.sleep(301)
        s.hold.stabilised()
        assert s.hold.next_try(lived=1) is not None
