"""The network is gone, and back: when providers are excused, when they are not, and who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import attrs
import trio

from jelmored.actors.running import running
from jelmored.domain.ids import ProviderName
from jelmored.supervision.connectivity import Connectivity

A, B = ProviderName("a"), ProviderName("b")
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@attrs.define(eq=False)
class Server:
    """A provider's, as seen from here."""

    name: ProviderName
    answers: bool | None = True
    remote: bool = True
    looks: list[float] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)

    async def reachable(self) -> bool | None:
        await trio.lowlevel.checkpoint()
        self.looks.append(trio.current_time())
        return self.answers

    def cut_off(self) -> None:
        self.told.append("cut off")

    def reconnected(self, *, blamed: bool) -> None:
        self.told.append("blamed" if blamed else "reconnected")


@attrs.define
class Scene:
    network: Connectivity
    members: tuple[Server, ...]
    clock: list[timedelta]
    online: list[float] = attrs.field(factory=list)

    def sleep_for(self, seconds: float) -> None:
        """The machine was asleep: only the wall clock went on."""
        self.clock[0] += timedelta(seconds=seconds)

    def listen(self) -> None:
        self.network.when_online(lambda: self.online.append(trio.current_time()))


@asynccontextmanager
async def around(*members: Server) -> AsyncIterator[Scene]:
    asleep = [timedelta()]
    network = Connectivity(lambda: members, lambda: START + timedelta(seconds=trio.current_time()) + asleep[0])
    async with running(network.run):
        yield Scene(network, members, asleep)


async def test_two_that_fail_together_are_excused_until_a_server_answers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Server(A, answers=False), Server(B, answers=False)
    async with around(a, b) as s:
        assert not s.network.failed(A)
        assert s.network.failed(B)
        s.listen()
        await trio.sleep(20)
        assert (s.network.offline, s.online) == (True, [])
        assert a.looks == [0, 1, 3, 7, 15]
        b.answers = True
        await trio.sleep(20)
        assert (s.network.offline, s.online) == (False, [31])
        assert a.told == ["cut off"] * 5 + ["reconnected"]
        s.listen()
        assert len(s.online) == 2, "at once, when there is no outage"


async def test_a_network_that_was_there_all_the_time_is_not_to_blame(autojump_clock: trio.testing.MockClock) -> None:
    a, b = Server(A), Server(B)
    async with around(a, b) as s:
        s.network.failed(A)
        assert s.network.failed(B), "nobody has looked yet"
        s.listen()
        await trio.testing.wait_all_tasks_blocked()
        assert (s.network.offline, s.online, a.told, b.told) == (False, [0], ["blamed"], ["blamed"])


async def test_the_only_one_is_excused_if_its_server_does_not_answer(autojump_clock: trio.testing.MockClock) -> None:
    for answers, told in ((False, "cut off"), (True, "blamed"), (None, "blamed")):
        a = Server(A, answers=answers)
        async with around(a, Server(B, remote=False)) as s:
            assert s.network.failed(A)
            await trio.testing.wait_all_tasks_blocked()
            assert (s.network.offline, a.told) == (answers is False, [told])


async def test_where_nobody_can_look_a_real_prompt_tries_after_a_while(autojump_clock: trio.testing.MockClock) -> None:
    async with around(Server(A, answers=None), Server(B, answers=None)) as s:
        s.network.failed(A)
        s.network.failed(B)
        s.listen()
        await trio.sleep(100)
        assert s.online == [31]
        assert s.members[0].told == ["reconnected"]


async def test_a_look_that_is_wrong_does_not_keep_us_offline_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    async with around(Server(A, answers=False)) as s:
        s.network.failed(A)
        s.listen()
        await trio.sleep(700)
        assert 600 <= s.online[0] < 631


async def test_a_turn_that_goes_well_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with around(Server(A, answers=False)) as s:
        s.network.reached()
        s.network.failed(A)
        await trio.sleep(5)
        s.network.reached()
        assert not s.network.offline
        assert s.members[0].told[-1] == "reconnected"
        await trio.sleep(60)
        assert s.network.failed(A), "and another one may begin"
        await trio.sleep(5)
        assert s.members[0].looks[-3:] == [65, 66, 68]


async def test_after_a_sleep_of_the_machine_the_network_is_awaited(autojump_clock: trio.testing.MockClock) -> None:
    a = Server(A, answers=False)
    async with around(a) as s:
        await trio.sleep(100)
        assert not s.network.offline
        s.sleep_for(3600)
        await trio.sleep(15)
        assert (s.network.offline, a.told[-1]) == (True, "cut off")
        a.answers = True
        await trio.sleep(40)
        assert (s.network.offline, a.told[-1]) == (False, "reconnected")
        s.sleep_for(-3600)
        await trio.sleep(15)
        assert not s.network.offline, "a clock that was set back is no sleep"
