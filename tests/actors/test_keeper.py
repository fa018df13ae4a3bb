from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.actors.children import (
    Child,
    ChildFailed,
    ChildRestarts,
    ChildReturned,
    GaveUp,
    Restart,
    RestartLimitReached,
    SupervisorEvent,
)
from jelmored.actors.keeper import Keeper
from jelmored.actors.restarts import Backoff, History, Limit, Policy
from jelmored.actors.running import Service
from jelmored.errors import ErrorKind, JournalError, Stopped

from .puppets import End, Fell, Life, Puppet
from .virtual import run

EXACT = Backoff(first=1, factor=2, limit=8, jitter=0)
PATIENT = Policy(limit=Limit(restarts=1000, period=1), unstable=1000, stable_after=60, backoff=EXACT)


class Watch:
    """A keeper and what it told."""

    def __init__(self, service: Service, restart: Restart = Restart.PERMANENT, policy: Policy = PATIENT) -> None:
        self.events: list[SupervisorEvent] = []
        child = Child("child", service, restart)
        self.keeper = Keeper("test", child, History(policy, random.Random(0)), self.events.append)

    @property
    def told(self) -> list[type[SupervisorEvent]]:
        return [type(event) for event in self.events]


async def warning_of(failure: Exception) -> Mapping[str, Any]:
    async def fail(*, task_status: trio.TaskStatus[object]) -> None:
        task_status.started()
        raise failure

    with structlog.testing.capture_logs() as logs:
        await Watch(fail, Restart.TEMPORARY).keeper.run()
    return next(line for line in logs if line["log_level"] == "warning")


async def test_a_failure_that_says_what_happened_is_logged_in_its_words() -> None:
    warning = await warning_of(JournalError(ErrorKind.JOURNAL_FULL, "no room"))
    assert warning["error"] == "no room"
    assert "exc_info" not in warning


async def test_any_other_failure_is_logged_with_the_place_where_it_happened() -> None:
    failure = ZeroDivisionError()
    assert (await warning_of(failure))["exc_info"] is failure


async def test_starts_again_after_growing_pauses(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(*[Life(0)] * 6)
    with trio.move_on_after(100):
        await Watch(puppet.run).keeper.run()
    assert puppet.starts == [0, 1, 3, 7, 15, 23, 31]


async def test_a_stable_life_starts_the_pauses_anew(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(Life(0), Life(0), Life(60), Life(0))
    with trio.move_on_after(100):
        await Watch(puppet.run).keeper.run()
    assert puppet.starts == [0, 1, 3, 64, 66]


async def test_what_befalls_the_child_is_told(autojump_clock: trio.testing.MockClock) -> None:
    watch = Watch(Puppet(*[Life(5)] * 3).run, policy=attrs.evolve(PATIENT, unstable=2))
    with pytest.raises(RestartLimitReached) as caught:
        await watch.keeper.run()
    assert watch.told == [ChildFailed, ChildRestarts, ChildFailed, GaveUp]
    assert watch.events[1] == ChildRestarts("test", "child", delay=1, restarts=1)
    assert isinstance(caught.value.__cause__, Fell)


async def test_a_permanent_child_that_returns_has_failed(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(Life(1, End.RETURN))
    watch = Watch(puppet.run)
    with trio.move_on_after(10):
        await watch.keeper.run()
    assert puppet.starts == [0, 2]
    assert isinstance(watch.events[0], ChildFailed)
    assert isinstance(watch.events[0].error, ChildReturned)


async def test_a_transient_child_may_return(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(Life(1), Life(1, End.RETURN))
    watch = Watch(puppet.run, Restart.TRANSIENT)
    await watch.keeper.run()
    assert puppet.starts == [0, 2]


async def test_a_temporary_child_is_not_run_again(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(Life(1))
    watch = Watch(puppet.run, Restart.TEMPORARY)
    await watch.keeper.run()
    assert puppet.starts == [0]
    assert watch.told == [ChildFailed]


async def test_the_starter_waits_for_the_first_incarnation_that_is_up(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    puppet = Puppet(Life(1, up=False), Life(5, start=2))
    await nursery.start(Watch(puppet.run).keeper.run)
    assert trio.current_time() == 1 + 1 + 2


async def test_the_failure_of_a_temporary_child_that_was_never_up_is_the_starters() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(Fell):
            await nursery.start(Watch(Puppet(Life(0, up=False)).run, Restart.TEMPORARY).keeper.run)


async def test_a_child_that_returns_and_was_never_up_was_stopped_for_its_starter() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(Stopped):
            await nursery.start(Watch(Puppet(Life(0, End.RETURN, up=False)).run, Restart.TRANSIENT).keeper.run)


@pytest.mark.parametrize(("moment", "gone"), [(2, 2.5), (5, 5)], ids=["while it runs", "in a pause"])
async def test_is_stopped_whatever_it_does(moment: float, gone: float, autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(Life(0), Life(2), clean_up=0.5)
    watch = Watch(puppet.run)
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.keeper.run)
        await trio.sleep(moment)
        watch.keeper.cancel()
    assert puppet.alive == 0
    assert trio.current_time() == gone


async def fails_when_cancelled(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    task_status.started()
    try:
        await trio.sleep_forever()
    finally:
        raise Fell


async def fails_as_it_is_cancelled(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """One task of it fails, the other is cancelled: both are in one group."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await fails_when_cancelled(task_status=task_status)


async def returns_when_cancelled(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    task_status.started()
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        return


@pytest.mark.parametrize(
    ("service", "told"),
    [(fails_when_cancelled, [ChildFailed]), (fails_as_it_is_cancelled, [ChildFailed]), (returns_when_cancelled, [])],
)
async def test_however_a_child_takes_its_stop_it_is_not_run_again(
    service: Service, told: list[type[SupervisorEvent]], autojump_clock: trio.testing.MockClock
) -> None:
    watch = Watch(service)
    with trio.move_on_after(1) as scope:
        await watch.keeper.run()
    assert scope.cancelled_caught
    assert watch.told == told


class Abort(BaseException):
    """As `KeyboardInterrupt`: no failure of a child."""


async def test_what_is_no_exception_of_a_program_passes() -> None:
    async def aborts(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        raise BaseExceptionGroup("both", [Abort(), Fell()])

    watch = Watch(aborts)
    with pytest.raises(BaseExceptionGroup) as caught:
        await watch.keeper.run()
    assert caught.group_contains(Abort)
    assert watch.told == [ChildFailed]


lives = st.builds(
    Life,
    lived=st.floats(min_value=0, max_value=400),
    end=st.sampled_from(End),
    start=st.floats(min_value=0, max_value=30),
    up=st.booleans(),
)
policies = st.builds(
    Policy,
    limit=st.builds(Limit, st.integers(0, 6), st.floats(min_value=1, max_value=600)),
    unstable=st.integers(1, 8),
    stable_after=st.floats(min_value=1, max_value=400),
    backoff=st.builds(Backoff, limit=st.floats(min_value=1, max_value=120), jitter=st.floats(0, 0.5)),
)


@settings(max_examples=1000)
@given(st.lists(lives, max_size=30), policies, st.sampled_from(Restart))
def test_the_rules_hold_for_every_script(script: list[Life], policy: Policy, restart: Restart) -> None:
    puppet = Puppet(*script)
    watch = Watch(puppet.run, restart, policy)

    async def keep() -> None:
        with trio.move_on_after(100_000):
            with contextlib.suppress(RestartLimitReached, Stopped, Fell):
                await watch.keeper.run()

    run(keep)
    restarts = puppet.starts[1:]
    for first in restarts:
        within = [at for at in restarts if first <= at < first + policy.limit.period - 1e-6]
        assert len(within) <= policy.limit.restarts
    assert puppet.most_alive == 1
    assert puppet.alive == 0
    assert len(restarts) == watch.told.count(ChildRestarts)
    ends = [life.end for life in script[: len(restarts)]]
    match restart:
        case Restart.TEMPORARY:
            assert not restarts
        case Restart.TRANSIENT:
            assert End.RETURN not in ends
        case Restart.PERMANENT:
            assert len(restarts) == len(script) or GaveUp in watch.told
