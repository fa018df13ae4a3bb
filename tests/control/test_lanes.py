from __future__ import annotations

from functools import partial

import trio

from jelmored.control.lanes import Lanes


async def test_a_lane_is_in_order_and_lanes_are_side_by_side(autojump_clock: trio.abc.Clock) -> None:
    seen: list[str] = []

    async def job(name: str, seconds: float) -> None:
        seen.append(f"{name} begins")
        await trio.sleep(seconds)
        seen.append(f"{name} ends")

    async with trio.open_nursery() as nursery:
        lanes = Lanes(nursery.start)
        for lane, name, seconds in (("a", "a1", 3), ("a", "a2", 1), ("b", "b1", 2), (None, "free", 1)):
            await lanes.put(lane, partial(job, name, seconds))
        assert seen == ["a1 begins", "b1 begins", "free begins"]
        assert lanes.busy("a")
        await trio.sleep(10)
        assert not lanes.busy("a")
        nursery.cancel_scope.cancel()
    assert seen[3:] == ["free ends", "b1 ends", "a1 ends", "a2 begins", "a2 ends"]


async def test_jobs_begin_in_the_order_in_which_they_were_put(autojump_clock: trio.abc.Clock) -> None:
    begun: list[int] = []

    async def job(number: int) -> None:
        begun.append(number)
        await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        lanes = Lanes(nursery.start)
        for number in range(50):
            await lanes.put(str(number) if number % 2 else None, partial(job, number))
        nursery.cancel_scope.cancel()
    assert begun == list(range(50))
