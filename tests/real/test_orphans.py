"""However an agent, its warden, or the daemon ends: of about 20 processes that are hard to kill none is left, soon.

A trial is one end of one family. `ORPHAN_TRIALS` says how many; `make soak` makes a thousand.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio

from jelmored.process import procfs
from tests.eventually import eventually
from tests.watch import Watch

from . import daemon
from .daemon import Place
from .processes import Process
from .rogues import Pen, alive

TRIALS = int(os.environ.get("ORPHAN_TRIALS", "50"))
FAMILY = 20  # processes at least, with the agent and its warden
PER_LIFE = 7  # trials of agents, before one of the daemon
USUAL_SECONDS = 0.1  # until none is left after the daemon's death, in 99 of 100 trials
MOST_SECONDS = 1.0
RUN_SECONDS = 21.0  # a run that is told to end: claude's own steps take 10
PATROL_SECONDS = 8.0  # what a killed warden has left

NUMBERS = itertools.count(1)


@attrs.define(eq=False)
class Family:
    """An agent that has started many more."""

    session: Watch
    members: set[Process]

    @property
    def agent(self) -> Process:
        """The one that has started others: a look at its provider may run beside it."""
        parents = {one.parent for one in self.members}
        rogues = (one for one in self.members if "rogue.py" in one.command and "warden.py" not in one.command)
        return next(one for one in rogues if one.pid in parents)

    @property
    def warden(self) -> int:
        return self.agent.parent

    def left(self) -> list[Process]:
        return [one for one in self.members if one.alive]

    async def gone(self, within: float) -> float:
        """Seconds until none of it is left."""
        begun = trio.current_time()
        with trio.move_on_after(within):
            while self.left():  # noqa: ASYNC110  # there is no event for it
                await trio.sleep(0.002)
        assert self.left() == []
        return trio.current_time() - begun


async def grown(pen: Pen) -> Family:
    before = pen.daemon.family()
    session = await pen.session(f"plain{next(NUMBERS)}+tree")
    await session.turn_over(1)

    def look() -> set[Process] | None:
        now = pen.daemon.family() - before
        return now if len(now) >= FAMILY and any("rogue.py" in one.command for one in now) else None

    members = await eventually(look, 10, lambda: len(pen.daemon.family() - before))
    assert members
    return Family(session, members)


# Ends of an agent, while the daemon lives

End = Callable[[Pen, Family], Awaitable[float]]


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(pid, number)


async def it_is_killed(_: Pen, family: Family) -> float:
    _send(family.agent.pid, signal.SIGKILL)
    return MOST_SECONDS * 2


async def it_is_terminated(_: Pen, family: Family) -> float:
    _send(family.agent.pid, signal.SIGTERM)
    return MOST_SECONDS * 2


async def its_warden_is_killed(_: Pen, family: Family) -> float:
    _send(family.warden, signal.SIGKILL)
    return PATROL_SECONDS


async def its_session_is_closed(pen: Pen, family: Family) -> float:
    await pen.client.request("session/close", sessionId=family.session.session_id)
    return RUN_SECONDS


async def its_provider_is_restarted(pen: Pen, _: Family) -> float:
    await pen.client.request("provider/restart", name="claude")
    return RUN_SECONDS


async def it_is_interrupted_and_closed(pen: Pen, family: Family) -> float:
    await pen.client.request("session/interrupt", sessionId=family.session.session_id)
    return await its_session_is_closed(pen, family)


AGENT_ENDS: tuple[End, ...] = (
    it_is_killed,
    it_is_terminated,
    its_warden_is_killed,
    its_session_is_closed,
    it_is_interrupted_and_closed,
    its_provider_is_restarted,
)


# Ends of the daemon


async def it_is_told_to_stop(pen: Pen) -> float:
    assert await pen.daemon.stop() == 0
    return MOST_SECONDS


async def the_daemon_is_killed(pen: Pen) -> float:
    await pen.daemon.kill()
    return MOST_SECONDS


async def all_wardens_are_killed_with_it(pen: Pen) -> float:
    """Then nobody is there to end the rest: the next start does."""
    pen.daemon.process.send_signal(signal.SIGSTOP)
    for pid in procfs.children_of(pen.daemon.process.pid):
        _send(pid, signal.SIGKILL)
    await pen.daemon.kill()
    return 0.0


DAEMON_ENDS = (the_daemon_is_killed, it_is_told_to_stop, the_daemon_is_killed, all_wardens_are_killed_with_it)


@attrs.define
class Count:
    """What the trials have shown."""

    trials: int = 0
    swept: int = 0
    seconds: list[float] = attrs.field(factory=list)
    """After the daemon's death."""

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def __str__(self) -> str:
        p50, p99, most = (round(1000 * self.quantile(share)) for share in (0.5, 0.99, 1))
        return (
            f"{self.trials} trials, {self.swept} of them swept at the next start, 0 left; "
            f"after the daemon's death p50 {p50} ms, p99 {p99} ms, most {most} ms"
        )


async def life(place: Place, count: Count, rng: random.Random, end: Callable[[Pen], Awaitable[float]]) -> None:
    async with alive(place) as pen:
        for _ in range(PER_LIFE):
            family = await grown(pen)
            await family.gone(await rng.choice(AGENT_ENDS)(pen, family))
            count.trials += 1
        last = await grown(pen)
        starting = await pen.session(f"plain{next(NUMBERS)}+tree")  # one that is just being started
        await trio.sleep(rng.uniform(0, 0.4))
        everyone = Family(starting, pen.daemon.family())
        within = await end(pen)
        if within:
            count.seconds.append(await everyone.gone(within))
            assert place.left() == set()
        else:
            assert len(last.left()) > FAMILY / 2
    if not within:
        async with alive(place):
            assert everyone.left() == []
            count.swept += 1
    count.trials += 1


async def trials(number: int) -> Count:
    count, rng = Count(), random.Random(number)
    async with daemon.new_place() as place:
        for end in itertools.cycle(DAEMON_ENDS):
            if count.trials >= number:
                break
            await life(place, count, rng, end)
        async with alive(place):
            pass
        assert place.left() == set()
        assert list((place.root / "state" / "lives").iterdir()) == []
    return count


async def test_nothing_is_left_however_it_ends() -> None:
    count = await trials(TRIALS)
    print(count)
    assert max(count.seconds) <= MOST_SECONDS


@pytest.mark.soak
async def test_nothing_is_left_in_a_thousand_trials() -> None:
    count = await trials(int(os.environ.get("ORPHAN_TRIALS", "1000")))
    print(count)
    assert count.quantile(0.99) <= USUAL_SECONDS
    assert max(count.seconds) <= MOST_SECONDS
