"""The supervisor of a provider: its runs, its probe, what its runs share, and its stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure, RunEnd
from jelmored.domain.ids import Epoch, ProviderName, SessionId
from jelmored.domain.models import Health, ProviderView
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import Probe, RunTimeouts, SessionConfig, TurnOver
from jelmored.supervision.places import Places
from jelmored.supervision.provider import ProviderSpec, ProviderSupervisor
from jelmored.supervision.reports import Report, SleepWanted
from jelmored.supervision.run import Run
from jelmored.testing.puppet import PuppetProvider, PuppetSession

PUPPET = ProviderName("puppet")
CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")
NETWORK = Failure(kind=ErrorKind.NETWORK, message="connection refused")
LOGGED_OUT = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in", remedy="log in")


def ended(reason: TurnReason = TurnReason.COMPLETED, failure: Failure | None = None) -> TurnOver:
    return TurnOver(reason=reason, failure=failure)


FAILED = ended(TurnReason.FAILED, NETWORK)


class NoOutage:
    """A network that is always there."""

    offline = False

    def failed(self, name: ProviderName) -> bool:
        return False

    def reached(self) -> None:
        """That is no news."""


@attrs.define
class Scene:
    supervisor: ProviderSupervisor
    provider: PuppetProvider
    told: list[ProviderView]
    news: list[Any] = attrs.field(factory=list)

    async def hear(self, report: Report) -> None:
        self.news.append(report.news)

    async def open_run(self) -> tuple[Run, PuppetSession]:
        run = self.supervisor.open_run(CONFIG, Epoch(1), self.hear)
        puppet = await self.provider.opened()
        await trio.testing.wait_all_tasks_blocked()
        return run, puppet


def supervised(provider: PuppetProvider | None = None, **spec: Any) -> Scene:
    puppets = provider or PuppetProvider()
    settings: dict[str, Any] = {
        "type": "puppet",
        "enabled": True,
        "named": True,
        "max_runs": 4,
        "timeouts": RunTimeouts(),
        "hibernate_after": 0,
    }
    told: list[ProviderView] = []
    spec_ = ProviderSpec(provider=puppets, **{**settings, **spec})
    supervisor = ProviderSupervisor(spec_, Places(10, {PUPPET: 4}), told.append, network=NoOutage())
    return Scene(supervisor, puppets, told)


@asynccontextmanager
async def at_work(provider: PuppetProvider | None = None, **spec: Any) -> AsyncIterator[Scene]:
    s = supervised(provider, **spec)
    async with running(s.supervisor.run):
        await trio.testing.wait_all_tasks_blocked()
        yield s


class Falling(PuppetProvider):
    """What its runs share falls whenever it is started."""

    starts = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.starts += 1
        task_status.started()
        raise OSError("no server")


async def test_it_looks_at_once_and_tells(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        assert (s.told[-1].health, s.told[-1].version) == (Health.HEALTHY, "1.0")
        assert [model.name for model in await s.supervisor.models()] == ["puppet-1"]
        s.provider.probed = Probe(failure=LOGGED_OUT)
        seen = await s.supervisor.check()
        assert (seen.health, seen.remedy) == (Health.UNHEALTHY, "log in")


async def test_a_probe_that_hangs_is_given_up(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(PuppetProvider, "probe", hang)
    async with at_work() as s:
        seen = await s.supervisor.check()
        assert (seen.health, seen.reason) == (Health.UNHEALTHY, "no answer within 15 s")
        assert trio.current_time() == 30, "the first look, then ours"


async def test_a_probe_that_falls_is_a_provider_that_is_unwell(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fall(_: object) -> Probe:
        raise KeyError("?")

    async with at_work() as s:
        run, _ = await s.open_run()
        monkeypatch.setattr(PuppetProvider, "probe", fall)
        assert (await s.supervisor.check()).health is Health.UNHEALTHY
        await trio.sleep(1000)
        assert not run.over.is_set()


async def test_one_that_is_switched_off_starts_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(Falling(), enabled=False) as s:
        assert (await s.supervisor.check()).health is Health.DISABLED
        with pytest.raises(Refused) as refused:
            s.supervisor.open_run(CONFIG, Epoch(1), s.hear)
        assert refused.value.kind is ErrorKind.NO_PROVIDER
        assert s.provider.starts == 0  # type: ignore[attr-defined]


async def test_before_it_runs_and_after_it_takes_no_sessions(autojump_clock: trio.testing.MockClock) -> None:
    s = supervised()
    for _ in range(2):
        with pytest.raises(Refused):
            s.supervisor.open_run(CONFIG, Epoch(1), s.hear)
        async with running(s.supervisor.run):
            await s.open_run()


async def test_a_run_is_counted_while_it_lives(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        run, puppet = await s.open_run()
        assert (s.supervisor.runs, s.supervisor.view().runs.active) == (1, 1)
        puppet.leave()
        await run.over.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert (s.supervisor.runs, s.told[-1].runs.active) == (0, 0)


async def test_a_stop_ends_all_runs_at_once_and_cleanly(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        puppets = [(await s.open_run())[1] for _ in range(3)]
    assert [(puppet.closed, puppet.alive) for puppet in puppets] == [(True, False)] * 3
    assert sum(isinstance(news, RunEnd) for news in s.news) == 3
    assert trio.current_time() == 0


async def test_a_stop_does_not_wait_for_an_agent_that_does_not_end(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        (_, obstinate), (_, other) = await s.open_run(), await s.open_run()
        obstinate.clings = True
    assert 12 <= trio.current_time() < 14
    assert (other.alive, obstinate.alive) == (False, False)
    assert sum(isinstance(news, RunEnd) for news in s.news) == 2


async def test_what_is_shared_is_started_again_and_rests_when_it_falls_too_often(
    autojump_clock: trio.testing.MockClock,
) -> None:
    falling = Falling()
    async with at_work(falling) as s:
        run, _ = await s.open_run()
        await trio.sleep(50)
        assert falling.starts == 6
        assert "keeps falling" in str(s.told[-1].reason)
        await trio.sleep(60)
        assert falling.starts > 6
        assert not run.over.is_set(), "its runs are their own matter"


async def test_three_failed_turns_in_a_row_are_unwell_and_a_good_one_heals(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work() as s:
        seen = []
        for over in (FAILED, FAILED, FAILED, ended()):
            s.supervisor.note_turn(over)
            seen.append(s.told[-1].health)
        assert seen == [Health.DEGRADED, Health.DEGRADED, Health.UNHEALTHY, Health.HEALTHY]
        counters = s.supervisor.view().counters
        assert (counters.turns, counters.failures) == (4, 3)


async def test_what_says_nothing_of_the_provider_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        for _ in range(2):
            s.supervisor.note_turn(FAILED)
        s.supervisor.note_turn(ended(TurnReason.INTERRUPTED))
        s.supervisor.note_turn(ended(TurnReason.FAILED, Failure(kind=ErrorKind.CONTEXT_TOO_LONG, message="")))
        assert s.supervisor.view().health is Health.DEGRADED
        s.supervisor.note_turn(FAILED)
        assert s.supervisor.view().health is Health.UNHEALTHY


async def test_a_good_look_settles_what_only_a_person_could_mend(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        s.supervisor.note_start_failed(LOGGED_OUT)
        assert s.told[-1].remedy == "log in"
        assert (await s.supervisor.check()).health is Health.HEALTHY
        s.supervisor.note_turn(FAILED)
        assert (await s.supervisor.check()).health is Health.DEGRADED, "a look says nothing of the model"


async def test_a_throttled_provider_says_until_when(autojump_clock: trio.testing.MockClock) -> None:
    later = utc_now() + timedelta(hours=1)
    async with at_work() as s:
        limited = Failure(kind=ErrorKind.RATE_LIMITED, message="slow down", retry_at=later)
        s.supervisor.note_turn(ended(TurnReason.FAILED, limited))
        assert s.supervisor.view().cooling_until == later


async def test_runs_that_are_idle_for_long_are_asked_to_sleep(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(hibernate_after=100) as s:
        run, puppet = await s.open_run()
        await trio.sleep(90)
        assert not any(isinstance(news, SleepWanted) for news in s.news)
        await trio.sleep(40)
        assert any(isinstance(news, SleepWanted) for news in s.news)
        assert puppet.alive
        assert not run.closing, "its session decides"
