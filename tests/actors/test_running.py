from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from jelmored.actors.running import Service, grace, open_plain_nursery, running, running_in_order

from .virtual import run


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def service(self, name: str, *, start: float = 0, clean_up: float = 0) -> Service:
        """One that takes so many seconds to start, and to clean up."""

        async def run(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            await trio.sleep(start)
            self.lines.append(f"{name} up")
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                with grace(clean_up + 1):
                    await trio.sleep(clean_up)
                    self.lines.append(f"{name} down")

        return run


async def fails(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    task_status.started()
    await trio.sleep(1)
    raise ValueError("fell")


async def returns(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    task_status.started()


def in_order(log: Log, **options: float) -> list[Service]:
    return [log.service(name, **options) for name in "abc"]


async def test_a_service_is_up_before_the_body_and_gone_after_it(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    async with running(log.service("a", start=1, clean_up=1)):
        log.lines.append("body")
    assert log.lines == ["a up", "body", "a down"]


async def test_services_stop_in_reverse(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    async with running_in_order(in_order(log, start=1, clean_up=1)):
        log.lines.append("body")
    assert log.lines == ["a up", "b up", "c up", "body", "c down", "b down", "a down"]


async def test_they_stop_in_reverse_when_cancelled_from_outside(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    with trio.move_on_after(5):
        async with running_in_order(in_order(log, clean_up=1)):
            await trio.sleep_forever()
    assert log.lines[3:] == ["c down", "b down", "a down"]


async def test_they_stop_in_reverse_when_one_of_them_fails(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    a, _, c = in_order(log, clean_up=1)
    with pytest.raises(ValueError, match="fell"):
        async with running_in_order([a, fails, c]):
            await trio.sleep_forever()
    assert log.lines == ["a up", "c up", "c down", "a down"]


async def test_a_start_that_fails_stops_those_before_it(autojump_clock: trio.testing.MockClock) -> None:
    async def broken(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        raise ValueError("not today")

    log = Log()
    with pytest.raises(ValueError, match="not today"):
        async with running_in_order([log.service("a"), broken, log.service("c")]):
            pytest.fail("the body began")
    assert log.lines == ["a up", "a down"]


@pytest.mark.parametrize("moment", [0, 0.5, 1, 1.5, 2])
async def test_a_start_can_be_cancelled_at_any_moment(moment: float, autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    with trio.move_on_after(moment) as scope:
        async with running_in_order(in_order(log, start=1)):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    downs = [line.removesuffix(" down") for line in log.lines if line.endswith("down")]
    assert downs == [line.removesuffix(" up") for line in reversed(log.lines) if line.endswith("up")]


async def test_a_service_that_returns_does_not_end_the_body(autojump_clock: trio.testing.MockClock) -> None:
    async with running(returns):
        await trio.sleep(1)


async def test_a_service_that_returns_before_it_is_up_is_wrong() -> None:
    async def forgets(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        pass

    with pytest.raises(RuntimeError, match="before it was up"):
        async with running(forgets):
            pytest.fail("the body began")


async def test_the_error_of_the_body_comes_out_as_it_is() -> None:
    log = Log()
    with pytest.raises(KeyError):
        async with running_in_order(in_order(log)):
            raise KeyError("body")
    assert log.lines[-1] == "a down"


async def test_two_failures_at_once_stay_a_group() -> None:
    async def falls(error: Exception) -> None:
        raise error

    async def fall() -> None:
        async with open_plain_nursery() as nursery:
            nursery.start_soon(falls, KeyError())
            nursery.start_soon(falls, ValueError())

    with pytest.raises(ExceptionGroup) as caught:
        await fall()
    assert {type(error) for error in caught.value.exceptions} == {KeyError, ValueError}


async def test_one_deadline_for_the_stop_of_all(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    async with running_in_order(in_order(log, clean_up=15), deadline=20):
        began = trio.current_time()
    assert trio.current_time() - began == 20
    assert log.lines[3:] == ["c down"], "b was cut off in its clean-up, a got none"


async def test_a_grace_within_the_deadline_is_not_cut(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()
    async with running(log.service("a", clean_up=15), deadline=20):
        began = trio.current_time()
    assert trio.current_time() - began == 15
    assert log.lines[-1] == "a down"


async def test_a_grace_that_began_before_the_stop_is_bounded_too(autojump_clock: trio.testing.MockClock) -> None:
    async def cleaning(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        with grace(100):
            await trio.sleep(100)

    async with running(cleaning, deadline=5):
        await trio.sleep(1)
    assert trio.current_time() == 6


async def test_the_deadline_holds_for_a_service_that_was_cancelled_while_it_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def starting(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with grace(100):
            await trio.sleep(100)

    with trio.move_on_after(1):
        async with running(starting, deadline=5):
            pytest.fail("the body began")
    assert trio.current_time() == 6


async def test_the_nearest_deadline_of_nested_stops_counts(autojump_clock: trio.testing.MockClock) -> None:
    log = Log()

    async def outer(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with running(log.service("inner", clean_up=60), deadline=50):
            task_status.started()
            await trio.sleep_forever()

    async with running(outer, deadline=3):
        began = trio.current_time()
    assert trio.current_time() - began == 3


async def test_without_a_stop_a_grace_has_its_own_seconds(autojump_clock: trio.testing.MockClock) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        with grace(7) as shield:
            await trio.sleep_forever()
    assert shield.cancelled_caught
    assert trio.current_time() == 7


clean_ups = st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=6)


@given(clean_ups, st.floats(min_value=0.1, max_value=60))
def test_a_stop_takes_no_longer_than_its_deadline_nor_than_the_graces_together(
    clean_ups: list[float], deadline: float
) -> None:
    async def stop() -> float:
        log = Log()
        services = [log.service(str(number), clean_up=seconds) for number, seconds in enumerate(clean_ups)]
        async with running_in_order(services, deadline=deadline):
            began = trio.current_time()
        return trio.current_time() - began

    assert run(stop) <= min(deadline, sum(clean_ups)) + 1e-6
