"""All providers together: one that falls takes no other with it."""

from __future__ import annotations

import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import Epoch, ProviderName, SessionId
from jelmored.domain.models import BreakerState, Health
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import RunTimeouts, SessionConfig, TurnOver
from jelmored.supervision.provider import ProviderSpec
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Report
from jelmored.testing.puppet import PuppetProvider

A, B = ProviderName("a"), ProviderName("b")
CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")


async def deaf(report: Report) -> None:
    await trio.lowlevel.checkpoint()


def providers(*puppets: PuppetProvider, enabled: bool = True, journal: Journal | None = None) -> Providers:
    specs = [
        ProviderSpec(
            provider=puppet,
            type="puppet",
            enabled=enabled or number == 0,
            named=True,
            max_runs=2,
            timeouts=RunTimeouts(),
            hibernate_after=0,
        )
        for number, puppet in enumerate(puppets)
    ]
    return Providers(specs, max_total_runs=3, changed=lambda view: None, journal=journal)


async def test_they_stand_in_the_order_of_the_configuration(autojump_clock: trio.testing.MockClock) -> None:
    both = providers(PuppetProvider("b"), PuppetProvider("a"))
    async with running(both.run):
        assert [view.name for view in both.views()] == [B, A]
        assert both.view(A).name == A
        assert (await both.check(B)).version == "1.0"


async def test_one_that_is_not_configured_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refused, match="there are: a, b") as refused:
        providers(PuppetProvider("a"), PuppetProvider("b"))[ProviderName("c")]
    assert refused.value.kind is ErrorKind.NOT_FOUND


async def test_models_are_those_of_one_or_of_all_that_are_switched_on(autojump_clock: trio.testing.MockClock) -> None:
    both = providers(PuppetProvider("a"), PuppetProvider("b"), enabled=False)
    async with running(both.run):
        assert len(await both.models()) == 1
        assert len(await both.models(A)) == 1
        assert await both.models(B) == ()


async def test_they_share_the_places_of_all(autojump_clock: trio.testing.MockClock) -> None:
    a, b = PuppetProvider("a"), PuppetProvider("b")
    both = providers(a, b)
    async with running(both.run):
        for name in (A, A, B, B):
            both[name].open_run(CONFIG, Epoch(1), deaf)
            await trio.testing.wait_all_tasks_blocked()
        assert (both.runs, both.view(A).runs.active, both.view(B).runs.active) == (3, 2, 1)
    assert both.runs == 0


async def test_a_supervisor_that_falls_again_and_again_is_given_up_alone(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = PuppetProvider("a"), PuppetProvider("b")
    both = providers(a, b)

    async with running(both.run):
        run = both[B].open_run(CONFIG, Epoch(1), deaf)
        monkeypatch.setattr(both[A], "_changed", lambda view: 1 / 0)
        both[A].open_run(CONFIG, Epoch(1), deaf).close()
        await trio.sleep(1000)
        with pytest.raises(Refused):
            both[A].open_run(CONFIG, Epoch(2), deaf)
        assert not run.over.is_set()
        both[B].open_run(CONFIG, Epoch(2), deaf)


class Reached(PuppetProvider):
    """Whether its server answers is a test's say."""

    reached: bool | None = False

    async def reachable(self) -> bool | None:
        await trio.lowlevel.checkpoint()
        return self.reached


LOST = TurnOver(
    reason=TurnReason.FAILED, failure=Failure(kind=ErrorKind.NETWORK, message="no route to host", evidence={"a": 1})
)
LIMITED = TurnOver(reason=TurnReason.FAILED, failure=Failure(kind=ErrorKind.RATE_LIMITED, message="slow down"))


async def test_two_that_lose_the_network_are_offline_until_a_server_answers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Reached("a"), Reached("b")
    both = providers(a, b, enabled=True)
    online: list[float] = []
    async with running(both.run):
        both[A].note_turn(LOST)
        assert (both.offline, both.view(A).health) == (False, Health.DEGRADED)
        for _ in range(9):
            both[B].note_turn(LOST)
        assert both.offline
        both.when_online(lambda: online.append(trio.current_time()))
        await trio.sleep(9)
        assert {view.health for view in both.views()} == {Health.OFFLINE}
        a.reached = True
        await trio.sleep(9)
        assert (both.offline, online) == (False, [15])
        assert both.view(B).health is Health.HEALTHY
        assert both.view(B).breaker is BreakerState.CLOSED, "nothing counted"


async def test_one_that_is_switched_off_or_not_remote_is_no_other_provider(
    autojump_clock: trio.testing.MockClock,
) -> None:
    local = PuppetProvider("c")
    local.remote = False
    all_three = providers(Reached("a"), PuppetProvider("b"), enabled=False)
    async with running(all_three.run):
        all_three[A].note_turn(LOST)
        assert all_three.offline
        await trio.sleep(1)
        assert all_three.offline
    two = providers(local, Reached("a"), enabled=True)
    async with running(two.run):
        two[ProviderName("c")].note_turn(LOST)
        assert not two.offline, "its failure is no network's"
        two[A].note_turn(LOST)
        assert two.offline


async def test_a_cooling_outlives_the_daemon(autojump_clock: trio.testing.MockClock) -> None:
    journal = MemoryJournal()
    async with running(journal.run):
        await journal.keep_provider(ProviderName("gone"), b"{}")
        await journal.keep_provider(B, b"of another time")
        for _ in range(2):
            both = providers(PuppetProvider("a"), PuppetProvider("b"), enabled=True, journal=journal)
            async with running(both.run):
                if both.view(A).health is Health.HEALTHY:
                    both[A].note_turn(LIMITED)
                await trio.testing.wait_all_tasks_blocked()
                until = both.view(A).cooling_until
                assert until is not None
                assert both.view(A).reason == "slow down"
                assert both.view(B).health is Health.HEALTHY


async def test_an_operator_drains_and_restarts_one(autojump_clock: trio.testing.MockClock) -> None:
    both = providers(PuppetProvider("a"), PuppetProvider("b"), enabled=True)
    async with running(both.run):
        run = both[A].open_run(CONFIG, Epoch(1), deaf)
        assert both.drain(A).draining
        assert not both.undrain(A).draining
        assert (await both.restart(A)).health is Health.HEALTHY
        assert run.over.is_set()
