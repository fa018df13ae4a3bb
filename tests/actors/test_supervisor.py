from __future__ import annotations

import contextlib

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.actors.children import (
    Child,
    ChildFailed,
    ChildRestarts,
    GaveUp,
    Restart,
    RestartLimitReached,
    SupervisorEvent,
)
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running
from jelmored.actors.supervisor import Supervisor
from jelmored.errors import Stopped

from .puppets import Fell, Life, Puppet
from .virtual import run

EXACT = Backoff(first=1, factor=2, limit=8, jitter=0)
PATIENT = Policy(limit=Limit(restarts=1000, period=1), unstable=1000, stable_after=60, backoff=EXACT)
STRICT = attrs.evolve(PATIENT, unstable=2)


def puppets(log: list[str], names: str, clean_up: float = 0) -> list[Child]:
    return [Child(name, Puppet(log=log, name=name, clean_up=clean_up).run) for name in names]


def falls(*lives: Life) -> Child:
    return Child("falls", Puppet(*lives).run)


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock: trio.testing.MockClock) -> None:
    log: list[str] = []
    async with running(Supervisor("test", puppets(log, "abc", clean_up=1), PATIENT).run):
        log.append("body")
    assert log == ["a up", "b up", "c up", "body", "c down", "b down", "a down"]


async def test_a_child_that_falls_takes_no_other_with_it(autojump_clock: trio.testing.MockClock) -> None:
    well, ill = Puppet(), Puppet(Life(1), Life(1))
    supervisor = Supervisor("test", [Child("well", well.run), Child("ill", ill.run)], PATIENT)
    with trio.move_on_after(50):
        await supervisor.run()
    assert well.starts == [0]
    assert ill.starts == [0, 2, 5]


async def test_a_limit_is_an_ordinary_failure_and_the_others_are_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    events: list[SupervisorEvent] = []
    a, c = puppets(log, "ac", clean_up=1)
    supervisor = Supervisor("test", [a, falls(*[Life(3)] * 9), c], STRICT, on_event=events.append)
    with pytest.raises(RestartLimitReached) as caught:
        await supervisor.run()
    assert isinstance(caught.value.__cause__, Fell)
    assert log == ["a up", "c up", "c down", "a down"]
    assert isinstance(events[-1], GaveUp)


async def test_a_supervisor_is_restarted_as_any_child_and_holds_nothing_against_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    puppet = Puppet(*[Life(0)] * 5)
    inner = Supervisor("inner", [Child("puppet", puppet.run)], STRICT)
    outer = Supervisor("outer", [Child("inner", inner.run)], PATIENT)
    with trio.move_on_after(100):
        await outer.run()
    assert puppet.starts == [0, 1, 1 + 1, 3, 3 + 2, 6], "two tries of the inner one, then a pause of the outer one"


async def test_is_started_when_all_children_are_up(autojump_clock: trio.testing.MockClock) -> None:
    slow = [Child(name, Puppet(Life(100, start=3)).run) for name in "ab"]
    async with running(Supervisor("test", slow, PATIENT).run):
        assert trio.current_time() == 6


async def test_the_stop_of_all_children_has_one_deadline(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor("test", puppets([], "abc", clean_up=4), PATIENT, deadline=6)
    with trio.move_on_after(10):
        await supervisor.run()
    assert trio.current_time() == 16


async def test_added_children_stop_all_at_once_before_the_others(autojump_clock: trio.testing.MockClock) -> None:
    log: list[str] = []
    supervisor = Supervisor("test", puppets(log, "a", clean_up=3), PATIENT)
    async with running(supervisor.run):
        for child in puppets(log, "xyz", clean_up=5):
            await supervisor.start_child(child)
        began = trio.current_time()
    assert trio.current_time() - began == 5 + 3
    assert log[-1] == "a down"


async def test_an_added_child_is_restarted_by_the_same_rules(autojump_clock: trio.testing.MockClock) -> None:
    puppet = Puppet(*[Life(0)] * 3)
    supervisor = Supervisor("test", [], PATIENT)
    async with running(supervisor.run):
        await supervisor.start_child(Child("late", puppet.run))
        await trio.sleep(100)
    assert puppet.starts == [0, 1, 3, 7]


async def test_an_added_child_that_was_up_escalates(autojump_clock: trio.testing.MockClock) -> None:
    inner = Supervisor("inner", [], STRICT)
    events: list[SupervisorEvent] = []
    async with running(Supervisor("outer", [Child("inner", inner.run)], PATIENT, on_event=events.append).run):
        await inner.start_child(falls(*[Life(1)] * 9))
        await trio.sleep(20)
    failure, restart = events
    assert isinstance(failure, ChildFailed)
    assert isinstance(failure.error, RestartLimitReached)
    assert isinstance(restart, ChildRestarts)


async def test_an_added_child_that_is_not_essential_is_given_up_alone(autojump_clock: trio.testing.MockClock) -> None:
    well = Puppet()
    events: list[SupervisorEvent] = []
    supervisor = Supervisor("test", [], STRICT, on_event=events.append)
    async with running(supervisor.run):
        await supervisor.start_child(Child("well", well.run))
        await supervisor.start_child(attrs.evolve(falls(*[Life(1)] * 9), essential=False))
        await trio.sleep(20)
        assert isinstance(events[-1], GaveUp)
        await supervisor.start_child(falls())  # its name is free again
    assert well.starts == [0]


async def test_a_child_that_does_not_come_up_is_its_starters_matter(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor("test", [], STRICT)
    async with running(supervisor.run):
        with pytest.raises(RestartLimitReached):
            await supervisor.start_child(falls(*[Life(0, up=False)] * 9))
        await supervisor.start_child(falls())


async def test_a_start_that_is_cancelled_leaves_nothing(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor("test", [], PATIENT)
    puppet = Puppet(Life(1, start=100))
    async with running(supervisor.run):
        with trio.move_on_after(5):
            await supervisor.start_child(Child("slow", puppet.run))
        assert puppet.alive == 0
        await supervisor.start_child(Child("slow", Puppet().run))


async def test_two_children_have_no_name_in_common(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor("test", puppets([], "a"), PATIENT)
    async with running(supervisor.run):
        await supervisor.start_child(Child("x", Puppet().run))
        for name in "ax":
            with pytest.raises(ValueError, match=f"'{name}' already"):
                await supervisor.start_child(Child(name, Puppet().run))


async def test_a_child_that_never_comes_up_does_not_hold_up_the_stop(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    async def add() -> None:
        with pytest.raises(Stopped):
            await supervisor.start_child(falls(*[Life(1, up=False)] * 99))

    supervisor = Supervisor("test", [], PATIENT)
    async with running(supervisor.run):
        nursery.start_soon(add)
        await trio.sleep(5)
    assert trio.current_time() == 5


async def test_an_added_child_that_has_ended_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor("test", [], PATIENT)
    async with running(supervisor.run):
        await supervisor.start_child(Child("once", Puppet(Life(1)).run, Restart.TEMPORARY))
        await trio.sleep(2)
        await supervisor.start_child(Child("once", Puppet().run))


async def test_nothing_is_added_to_a_supervisor_that_does_not_run() -> None:
    supervisor = Supervisor("test", [], PATIENT)
    with pytest.raises(Stopped):
        await supervisor.start_child(falls())
    async with running(supervisor.run):
        pass
    with pytest.raises(Stopped):
        await supervisor.start_child(falls())


async def test_an_added_child_stops_with_its_supervisor_not_with_who_asked_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supervisor = Supervisor("test", [], PATIENT)

    async def asks(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await supervisor.start_child(Child("x", Puppet(clean_up=7).run))
        task_status.started()

    async with running(supervisor.run, deadline=3):
        async with running(asks, deadline=0.5):
            pass
        began = trio.current_time()
    assert trio.current_time() - began == 3


lives = st.builds(
    Life, lived=st.floats(min_value=0, max_value=100), start=st.floats(min_value=0, max_value=5), up=st.booleans()
)
Script = tuple[list[Life], float]
scripts = st.lists(st.tuples(st.lists(lives, max_size=6), st.floats(min_value=0, max_value=15)), max_size=5)
policies = st.sampled_from([PATIENT, STRICT])


async def play(supervisor: Supervisor, added: list[Child], *, stop_at: float, deadline: float) -> None:
    """Run the supervisor, add children all at once, stop at some moment unless a limit ends it before."""
    with trio.move_on_after(stop_at):
        async with trio.open_nursery() as nursery, running(supervisor.run, deadline=deadline):
            for child in added:
                nursery.start_soon(add, supervisor, child)
            await trio.sleep_forever()


async def add(supervisor: Supervisor, child: Child) -> None:
    with contextlib.suppress(RestartLimitReached, Stopped):
        await supervisor.start_child(child)


@settings(max_examples=500)
@given(scripts, scripts, policies, st.floats(min_value=0, max_value=200), st.floats(min_value=1, max_value=30))
def test_whatever_falls_whenever_it_stops_in_time_and_leaves_nothing(
    fixed: list[Script], added: list[Script], policy: Policy, stop_at: float, deadline: float
) -> None:
    cast = [Puppet(*script, clean_up=clean_up) for script, clean_up in fixed + added]
    children = [Child(str(number), puppet.run) for number, puppet in enumerate(cast)]
    supervisor = Supervisor("test", children[: len(fixed)], policy)

    async def main() -> float:
        try:
            await play(supervisor, children[len(fixed) :], stop_at=stop_at, deadline=deadline)
        except* RestartLimitReached:
            pass
        return trio.current_time()

    assert run(main) <= stop_at + deadline + 1e-6
    assert [puppet.alive for puppet in cast] == [0] * len(cast)
    assert max([puppet.most_alive for puppet in cast], default=0) <= 1
