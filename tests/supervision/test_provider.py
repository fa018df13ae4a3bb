"""The supervisor of a provider: its runs, its probe, what its runs share, and its stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.events import DeltaKind, TurnReason
from jelmored.domain.failures import Failure, RunEnd
from jelmored.domain.ids import ConnectionId, Epoch, ItemId, PromptId, ProviderName, SessionId
from jelmored.domain.models import BreakerState, Health, ProviderView
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.providers.base import Delta, Probe, RunTimeouts, SessionConfig, TurnOver
from jelmored.supervision.condition import Blame
from jelmored.supervision.places import Places
from jelmored.supervision.provider import ProviderSpec, ProviderSupervisor
from jelmored.supervision.reports import Report, Say, SleepWanted
from jelmored.supervision.run import Run
from jelmored.testing.puppet import PuppetProvider, PuppetSession

PUPPET = ProviderName("puppet")
CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")
NETWORK = Failure(kind=ErrorKind.NETWORK, message="connection refused")
LOGGED_OUT = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in", remedy="log in")


def ended(reason: TurnReason = TurnReason.COMPLETED, failure: Failure | None = None) -> TurnOver:
    return TurnOver(reason=reason, failure=failure)


def limited(retry_at: datetime | None = None) -> Failure:
    return Failure(kind=ErrorKind.RATE_LIMITED, message="slow down", retry_at=retry_at)


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


BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)


def wall() -> datetime:
    """A wall clock that goes with Trio's."""
    return BEGAN + timedelta(seconds=trio.current_time())


def supervised(
    provider: PuppetProvider | None = None,
    *,
    network: Blame | None = None,
    journal: Journal | None = None,
    **spec: Any,
) -> Scene:
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
    places, network = Places(10, {PUPPET: 4}), network or NoOutage()
    supervisor = ProviderSupervisor(spec_, places, told.append, network=network, journal=journal, now=wall)
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


async def test_runs_that_are_idle_for_long_are_asked_to_sleep(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(hibernate_after=100) as s:
        run, puppet = await s.open_run()
        await trio.sleep(90)
        assert not any(isinstance(news, SleepWanted) for news in s.news)
        await trio.sleep(40)
        assert any(isinstance(news, SleepWanted) for news in s.news)
        assert puppet.alive
        assert not run.closing, "its session decides"


GO = Prompt(
    prompt_id=PromptId("prm_1"),
    blocks=(TextBlock(text="go"),),
    by=Author(connection_id=ConnectionId("con_1"), client="test"),
)
HELLO = Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text="hello")


def fail_thrice(s: Scene) -> None:
    for _ in range(3):
        s.supervisor.note_turn(FAILED)


async def test_what_only_a_person_can_mend_is_looked_at_again_until_one_has(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work(check_interval=30) as s:
        s.supervisor.note_turn(ended(TurnReason.FAILED, LOGGED_OUT))
        await trio.sleep(100)
        assert s.supervisor.view().health is Health.UNHEALTHY, "each look said what the first one did"
        await s.open_run()
        s.provider.probed = attrs.evolve(s.provider.probed, account="ada")
        await trio.sleep(31)
        assert s.told[-1].health is Health.HEALTHY


async def test_one_that_is_well_is_not_looked_at_again(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    async def look(provider: PuppetProvider) -> Probe:
        looks.append(trio.current_time())
        return provider.probed

    monkeypatch.setattr(PuppetProvider, "probe", look)
    async with at_work(check_interval=30):
        await trio.sleep(1000)
    assert looks == [0]


async def test_drained_it_starts_no_agents_and_sends_the_idle_to_sleep(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        idle, _ = await s.open_run()
        busy, puppet = await s.open_run()
        busy.post(Say(GO))
        await puppet.heard()
        assert s.supervisor.drain().draining
        with pytest.raises(Refused, match="drained"):
            await s.open_run()
        await trio.testing.wait_all_tasks_blocked()
        assert sum(isinstance(news, SleepWanted) for news in s.news) == 1
        idle.close()
        await puppet.finish()
        await trio.testing.wait_all_tasks_blocked()
        s.supervisor.note_turn(ended())
        await trio.testing.wait_all_tasks_blocked()
        assert sum(isinstance(news, SleepWanted) for news in s.news) == 2
        assert not busy.closing, "its session decides"
        assert s.supervisor.undrain().health is Health.HEALTHY
        await s.open_run()


async def test_a_restart_ends_runs_cleanly_and_what_is_opened_meanwhile_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work() as s:
        run, puppet = await s.open_run()
        puppet.clings = True
        fail_thrice(s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(s.supervisor.restart)
            nursery.start_soon(s.supervisor.restart)
            await trio.sleep(1)
            s.supervisor.open_run(CONFIG, Epoch(2), s.hear)
            await trio.sleep(12)
            with pytest.raises(trio.TooSlowError):
                await s.provider.opened()
        view = s.supervisor.view()
        assert puppet.closed
        assert run.over.is_set()
        assert 20 <= trio.current_time() < 23, "a run has a deadline of its own"
        assert (view.health, view.breaker) == (Health.HEALTHY, BreakerState.CLOSED)
        assert (await s.provider.opened()).alive


async def test_a_restart_that_nobody_waits_for_is_finished(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        _, puppet = await s.open_run()
        with trio.CancelScope() as scope:
            scope.cancel()
            await s.supervisor.restart()
        await trio.testing.wait_all_tasks_blocked()
        assert puppet.closed
        await s.open_run()


async def test_what_does_not_run_can_not_be_restarted() -> None:
    with pytest.raises(Refused):
        await supervised().supervisor.restart()


class Outage(NoOutage):
    offline = True

    def __init__(self) -> None:
        self.ended = False

    def failed(self, name: ProviderName) -> bool:
        return True

    def reached(self) -> None:
        self.ended = True


async def test_a_failover_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        s.supervisor.note_failover()
        assert s.told[-1].counters.failovers == 1


async def test_the_choice_knows_who_was_named_and_whether_a_trial_is_free(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work(named=False, by_itself=False) as s:
        found = s.supervisor.candidate(4)
        assert (found.index, found.named, found.by_itself, found.trial_free) == (4, False, False, True)
        assert [model.name for model in found.offer.models] == ["puppet-1"]
        fail_thrice(s)
        await trio.sleep(60.1)
        await s.open_run()
        assert not s.supervisor.candidate(0).trial_free


# Settings that are read again


async def test_one_that_is_enabled_later_begins_its_work_then(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(enabled=False) as s:
        assert s.supervisor.view().health is Health.DISABLED
        assert s.supervisor.view().version is None
        s.supervisor.heed(attrs.evolve(s.supervisor.spec, enabled=True, hibernate_after=60))
        await trio.testing.wait_all_tasks_blocked()
        assert (s.told[-1].health, s.told[-1].version) == (Health.HEALTHY, "1.0")
        await s.open_run()
        await trio.sleep(200)
        assert SleepWanted() in s.news, "it minds its runs"


async def test_one_that_is_disabled_takes_no_runs_and_ends_none(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        run, puppet = await s.open_run()
        run.post(Say(GO))
        await puppet.heard()
        s.supervisor.heed(attrs.evolve(s.supervisor.spec, enabled=False))
        assert s.told[-1].health is Health.DISABLED
        with pytest.raises(Refused):
            s.supervisor.open_run(CONFIG, Epoch(2), s.hear)
        await trio.sleep(100)
        assert (s.supervisor.runs, SleepWanted() in s.news) == (1, False), "its turn goes on"
        await puppet.finish()
        await trio.sleep(60)
        assert SleepWanted() in s.news
        s.supervisor.heed(attrs.evolve(s.supervisor.spec, enabled=True))
        s.supervisor.open_run(CONFIG, Epoch(2), s.hear)


async def test_a_pause_that_is_under_way_is_measured_anew(autojump_clock: trio.testing.MockClock) -> None:
    provider = PuppetProvider()
    provider.probed = Probe(failure=LOGGED_OUT)
    async with at_work(provider, check_interval=1e6, hibernate_after=1e6) as s:
        await s.open_run()
        provider.probed = Probe(version="2.0")
        await trio.sleep(100)
        s.supervisor.heed(attrs.evolve(s.supervisor.spec, check_interval=5, hibernate_after=20))
        await trio.sleep(30)
        assert s.supervisor.view().version == "2.0"
        assert SleepWanted() in s.news


async def test_it_is_looked_at_when_its_own_settings_are_others(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        s.provider.probed = Probe(version="2.0")
        s.supervisor.heed(s.supervisor.spec)
        await trio.testing.wait_all_tasks_blocked()
        assert s.supervisor.view().version == "1.0"
        s.supervisor.heed(s.supervisor.spec, look=True)
        await trio.testing.wait_all_tasks_blocked()
        assert s.supervisor.view().version == "2.0"
