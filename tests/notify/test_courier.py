"""A way may be as slow as it likes: whoever has a notice does not wait."""

from __future__ import annotations

import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from jelmored.actors.running import running
from jelmored.notify.courier import LAST_WORDS, ROOM, Courier
from jelmored.notify.notices import Notice

from .cases import notice


class SlowWay:
    """Takes so many seconds for each."""

    name = "slow"

    def __init__(self, seconds: float) -> None:
        self.told: list[str] = []
        self._seconds = seconds

    async def tell(self, notice: Notice) -> None:
        await trio.sleep(self._seconds)
        self.told.append(notice.text)


def numbered(count: int) -> list[Notice]:
    return [notice(str(number)) for number in range(count)]


async def test_they_are_told_in_order_one_after_the_other(autojump_clock: trio.testing.MockClock) -> None:
    way = SlowWay(1)
    courier, begun = Courier(way), trio.current_time()
    async with running(courier.run):
        for one in numbered(3):
            courier.take(one)
        while len(way.told) < 3:  # noqa: ASYNC110  the clock jumps
            await trio.sleep(0.5)
    assert way.told == ["0", "1", "2"]
    assert trio.current_time() - begun >= 3


async def test_when_too_many_wait_the_oldest_is_dropped_counted_and_logged(
    autojump_clock: trio.testing.MockClock,
) -> None:
    way = SlowWay(0.01)
    courier = Courier(way)
    with capture_logs() as logged:
        for one in numbered(ROOM + 2):
            courier.take(one)
    async with running(courier.run):
        await wait_all_tasks_blocked()
    assert way.told == [str(number) for number in range(2, ROOM + 2)]
    assert courier.dropped == 2
    assert [(line["event"], line["dropped"]) for line in logged] == [("notice dropped", 1), ("notice dropped", 2)]


async def test_what_waits_when_it_stops_is_told_if_that_is_quick(autojump_clock: trio.testing.MockClock) -> None:
    way = SlowWay(LAST_WORDS / 2.5)
    courier, begun = Courier(way), trio.current_time()
    async with running(courier.run):
        for one in numbered(2):
            courier.take(one)
    assert way.told == ["0", "1"]
    async with running(courier.run):
        for one in numbered(10):
            courier.take(one)
    assert way.told == ["0", "1", "0", "1"], "the third would have been told too late"
    assert trio.current_time() - begun <= 2 * LAST_WORDS


async def test_one_that_falls_goes_on_with_the_next_when_it_runs_again(autojump_clock: trio.testing.MockClock) -> None:
    class Falling(SlowWay):
        async def tell(self, notice: Notice) -> None:
            if notice.text == "0":
                raise ValueError("a bug")
            await super().tell(notice)

    way = Falling(0)
    courier = Courier(way)
    for one in numbered(2):
        courier.take(one)
    fell = False
    try:
        async with running(courier.run):
            await trio.sleep(1)
    except ValueError:
        fell = True
    async with running(courier.run):
        await trio.sleep(1)
    assert (fell, way.told) == (True, ["1"])
