"""Who may have an agent at work, who is asked to go to sleep, and who is next."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from jelmored.domain.ids import ProviderName
from jelmored.supervision.places import Places
from tests.actors.virtual import run

A, B = ProviderName("a"), ProviderName("b")


@attrs.define(eq=False)
class Guest:
    """Wants a place, and says where it got one."""

    provider_name: ProviderName
    idle_since: float | None = None
    asked: int = 0

    def want_sleep(self) -> None:
        self.asked += 1


@attrs.define
class House:
    """Places, and those who wait for one, by the order in which they got in."""

    places: Places
    nursery: trio.Nursery
    seated: list[Guest] = attrs.field(factory=list)

    async def enter(self, provider: ProviderName, idle_since: float | None = None) -> Guest:
        guest = Guest(provider, idle_since)
        self.nursery.start_soon(self._enter, guest)
        await wait_all_tasks_blocked()
        return guest

    async def _enter(self, guest: Guest) -> None:
        await self.places.take(guest)
        self.seated.append(guest)

    async def leave(self, guest: Guest) -> None:
        self.places.give_back(guest)
        await wait_all_tasks_blocked()


@pytest.fixture
def house(nursery: trio.Nursery) -> Callable[..., House]:
    return lambda total, a, b=1: House(Places(total, {A: a, B: b}), nursery)


async def test_a_provider_has_so_many_places_and_no_more(house: Callable[..., House]) -> None:
    h = house(10, 2)
    first, second, third = [await h.enter(A) for _ in range(3)]
    assert h.seated == [first, second]
    assert (h.places.count(A), h.places.count(B), h.places.taken) == (2, 0, 2)
    assert await h.enter(B) in h.seated, "another provider's places are its own"
    await h.leave(first)
    assert third in h.seated


async def test_all_together_have_so_many_places(house: Callable[..., House]) -> None:
    h = house(2, 2, 2)
    first, _, third = await h.enter(A), await h.enter(A), await h.enter(B)
    assert third not in h.seated
    await h.leave(first)
    assert third in h.seated


async def test_places_are_given_in_the_order_of_coming(house: Callable[..., House]) -> None:
    h = house(10, 1)
    guests = [await h.enter(A) for _ in range(5)]
    for guest in guests:
        assert h.seated[-1] is guest
        assert not h.places.take_nowait(Guest(A))
        await h.leave(guest)


async def test_who_does_not_wait_does_not_overtake(house: Callable[..., House]) -> None:
    h = house(10, 1)
    first = await h.enter(A)
    second = await h.enter(A)
    h.places.give_back(first)
    assert not h.places.take_nowait(Guest(A))
    await wait_all_tasks_blocked()
    assert h.seated == [first, second]


async def test_the_one_that_is_idle_for_longest_is_asked(house: Callable[..., House]) -> None:
    h = house(10, 3)
    busy, older, younger = await h.enter(A), await h.enter(A, idle_since=1), await h.enter(A, idle_since=2)
    await h.enter(A)
    assert (busy.asked, older.asked, younger.asked) == (0, 1, 0)


async def test_when_all_are_taken_the_idle_one_may_be_of_another_provider(house: Callable[..., House]) -> None:
    h = house(2, 2, 2)
    idle, _, waits = await h.enter(A, idle_since=1), await h.enter(A), await h.enter(B)
    assert idle.asked == 1
    await h.leave(idle)
    assert waits in h.seated


async def test_who_becomes_idle_while_somebody_waits_is_asked_then(house: Callable[..., House]) -> None:
    h = house(10, 1)
    first, second = await h.enter(A), await h.enter(A)
    assert first.asked == 0
    first.idle_since = 5
    h.places.stir()
    await wait_all_tasks_blocked()
    assert first.asked == 1
    assert second not in h.seated


async def test_who_gives_up_waiting_frees_only_the_way_for_the_next(house: Callable[..., House]) -> None:
    h = house(10, 1)
    first = await h.enter(A)
    with trio.move_on_after(0) as impatient:
        await h.places.take(Guest(A))
    assert impatient.cancelled_caught
    third = await h.enter(A)
    assert (h.seated, h.places.taken) == ([first], 1)
    h.places.give_back(Guest(A))
    await wait_all_tasks_blocked()
    assert h.seated == [first], "who has no place gives none back"
    await h.leave(first)
    assert h.seated == [first, third]


async def test_a_place_is_given_back_once(house: Callable[..., House]) -> None:
    h = house(10, 2)
    first, _ = await h.enter(A), await h.enter(A)
    await h.leave(first)
    await h.leave(first)
    assert h.places.taken == 1


moves = st.lists(st.tuples(st.sampled_from(["enter", "leave", "give up"]), st.sampled_from([A, B]), st.integers(0, 5)))


@given(moves, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_never_more_than_there_are_and_nobody_waits_beside_a_free_one(
    script: list[tuple[str, ProviderName, int]], total: int, a: int, b: int
) -> None:
    limits = {A: a, B: b}
    waiting: dict[Guest, trio.CancelScope] = {}
    seated: list[Guest] = []

    async def stay(places: Places, guest: Guest) -> None:
        with waiting[guest]:
            await places.take(guest)
            seated.append(guest)
        del waiting[guest]

    async def main() -> None:
        places = Places(total, limits)
        async with trio.open_nursery() as nursery:
            for move, provider, number in script:
                if move == "enter":
                    guest = Guest(provider)
                    waiting[guest] = trio.CancelScope()
                    nursery.start_soon(stay, places, guest)
                elif move == "leave" and seated:
                    places.give_back(seated.pop(number % len(seated)))
                elif move == "give up" and waiting:
                    list(waiting.values())[number % len(waiting)].cancel()
                await wait_all_tasks_blocked()
                assert places.taken == len(seated) <= total
                for name, limit in limits.items():
                    assert places.count(name) <= limit
                    wanted = any(guest.provider_name == name for guest in waiting)
                    assert not (wanted and places.count(name) < limit and places.taken < total)
            nursery.cancel_scope.cancel()

    run(main)


def test_why_it_is_full_is_told() -> None:
    places = Places(2, {A: 1, B: 5})
    assert places.why_full(A) is None
    busy = Guest(A)
    assert places.take_nowait(busy)
    assert places.why_full(A) == "all 1 places are taken"
    assert places.why_full(B) is None
    assert places.take_nowait(Guest(B))
    assert places.why_full(B) == "all 2 places of the daemon are taken"
    busy.idle_since = 1.0
    assert places.why_full(A) is None


async def test_more_places_let_those_in_who_wait_and_fewer_put_nobody_out(house: Callable[..., House]) -> None:
    h = house(10, 1)
    first, second = await h.enter(A), await h.enter(A)
    h.places.resize(10, {A: 2, B: 1})
    await wait_all_tasks_blocked()
    assert h.seated == [first, second]
    h.places.resize(1, {A: 1, B: 1})
    third = await h.enter(B)
    assert (h.places.taken, h.places.total) == (2, 1)
    await h.leave(first)
    assert third not in h.seated
    await h.leave(second)
    assert third in h.seated
