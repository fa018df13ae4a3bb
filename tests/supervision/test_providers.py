"""All providers together: one that falls takes no other with it."""

from __future__ import annotations

import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.ids import Epoch, ProviderName, SessionId
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import RunTimeouts, SessionConfig
from jelmored.supervision.provider import ProviderSpec
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Report
from jelmored.testing.puppet import PuppetProvider

A, B = ProviderName("a"), ProviderName("b")
CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")


async def deaf(report: Report) -> None:
    await trio.lowlevel.checkpoint()


def providers(*puppets: PuppetProvider, enabled: bool = True) -> Providers:
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
    return Providers(specs, max_total_runs=3, changed=lambda view: None)


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
