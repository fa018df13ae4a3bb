"""The daemon for a long time, with fifty sessions beside a thousand old ones and a new life each minute: what it holds
does not grow, no healthy agent is killed, and all sessions answer at the end.

`SOAK_MINUTES` (60) says how long, `SOAK_LIFE_SECONDS` (60) how long a life is.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.client_raw import RawClient, connect
from tests.eventually import eventually
from tests.faults.test_full_disk import journal_of
from tests.test_start import fill
from tests.watch import Watch

from . import daemon
from .daemon import Daemon, Place
from .processes import Process
from .rogues import memory, open_pen

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
LIFE_SECONDS = float(os.environ.get("SOAK_LIFE_SECONDS", "60"))
SESSIONS = 50
OLD_EVENTS = 50_000  # of other sessions
AT_ONCE = 5  # turns
TURN_SECONDS = 120.0
MEMORY_PER_HOUR = 1.0  # MiB, by the line that fits best; of an hour, for less of it is no line
SPREAD = 16.0  # MiB that two lives may differ by
PAGE = 30  # events
REST_SECONDS = 25.0  # in which agents are gone and sessions' tasks at rest
IDLE_SECONDS = 14.0  # Trio's worker threads end after 10; what is tied to a thread ends with them

CONFIGURATION: dict[str, Any] = {
    "notify": {"desktop": False},
    "default_provider": "demo",
    "max_total_sessions": SESSIONS + 10,
    "providers": {
        "claude": {"enabled": False},
        "opencode": {"enabled": False},
        "demo": {"max_concurrent_sessions": SESSIONS + 10},
    },
}


@attrs.frozen
class Reading:
    """Of a life, at its end, when no agent is there and every session has gone to rest. `memory`: in MiB."""

    minutes: float
    memory: float
    descriptors: int
    threads: int
    tasks: int


async def read(running: Daemon, client: RawClient, begun: float) -> Reading:
    """What the daemon holds when nothing is at work and the journal's caches are full; then it may go on. The pages are
    as small as the logs are in the first life: larger ones, of logs that have grown, would leave a larger heap."""
    for session in (await client.request("session/list", limit=200))["sessions"]:
        await client.request("session/history", sessionId=session["sessionId"], after=0, limit=PAGE)
    await client.request("provider/drain", name="demo")
    await eventually(lambda: not [one for one in running.family() if "demo.agent" in one.command], REST_SECONDS)
    await trio.sleep(REST_SECONDS)
    home = Path(f"/proc/{running.process.pid}")
    reading = Reading(
        minutes=(trio.current_time() - begun) / 60,
        memory=memory(running.process.pid),
        descriptors=len(list((home / "fd").iterdir())),
        threads=len(list((home / "task").iterdir())),
        tasks=(await client.request("daemon/status"))["tasks"],
    )
    await client.request("provider/undrain", name="demo")
    return reading


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line that fits them best."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    return sum((x - middle) * (y - level) for x, y in points) / spread if spread else 0.0


async def turn(client: RawClient, session_id: str, limit: trio.CapacityLimiter) -> None:
    """A prompt, answered."""
    async with limit:
        watch: Watch = await client.subscribe(session_id)
        await watch.caught_up()
        await client.request("session/prompt", sessionId=session_id, prompt="write a plan", whenBusy="queue")
        ended = await watch.event("turn_ended", after=int(watch.reply["head"]), seconds=TURN_SECONDS)
        assert ended["metadata"]["reason"] == "completed", watch.summary()
        await client.request("session/unsubscribe", sessionId=session_id)


async def turns(client: RawClient, sessions: Sequence[str]) -> None:
    limit = trio.CapacityLimiter(AT_ONCE)
    async with trio.open_nursery() as nursery:
        for session_id in sessions:
            nursery.start_soon(turn, client, session_id, limit)


async def create(client: RawClient, place: Place) -> list[str]:
    params = {"cwd": str(place.work), "permissionMode": "allow-all"}
    return [(await client.request("session/create", **params))["sessionId"] for _ in range(SESSIONS)]


@pytest.mark.soak
async def test_an_hour_with_a_new_life_each_minute() -> None:
    begun, rng = trio.current_time(), random.Random(1)
    sessions: list[str] = []
    readings: list[Reading] = []
    async with daemon.new_place() as place:
        fill(journal_of(place), OLD_EVENTS)
        while trio.current_time() - begun < MINUTES * 60:
            life_ends = trio.current_time() + LIFE_SECONDS
            async with daemon.running(place, CONFIGURATION) as running, connect(place.socket) as client:
                sessions = sessions or await create(client, place)
                while trio.current_time() < life_ends - LIFE_SECONDS / 4:
                    await turns(client, rng.sample(sessions, 10))
                readings.append(await read(running, client, begun))
                print(readings[-1])
                if len(readings) % 2:  # in the middle of turns
                    with trio.move_on_after(1):
                        await turns(client, rng.sample(sessions, AT_ONCE))
                    await running.kill()
                else:
                    assert await running.stop() == 0
        async with daemon.running(place, CONFIGURATION), connect(place.socket) as client:
            await turns(client, sessions)
        assert place.left() == set()
    _check(readings)


def _check(readings: Sequence[Reading]) -> None:
    """Flat: every life as the first, and the line through them."""
    growth = 60 * slope([(one.minutes, one.memory) for one in readings])
    print(f"{len(readings)} lives; memory by the line {growth:+.2f} MiB an hour")
    assert max(one.memory for one in readings) - min(one.memory for one in readings) < SPREAD
    assert max(one.descriptors for one in readings) - min(one.descriptors for one in readings) <= 2
    assert max(one.tasks for one in readings) - min(one.tasks for one in readings) <= 2
    assert max(one.threads for one in readings) < 20
    if MINUTES >= 60:
        assert growth <= MEMORY_PER_HOUR


async def test_no_healthy_agent_is_killed_when_threads_end() -> None:
    async with open_pen() as pen:
        sessions = [await pen.session("well") for _ in range(3)]
        for session in sessions:
            await session.turn_over(1)

        def agents() -> set[Process]:
            return {one for one in pen.daemon.family() if "rogue.py" in one.command and "warden.py" not in one.command}

        await eventually(lambda: len(agents()) == len(sessions), 10, agents)  # when no provider is looked at any more
        before = agents()
        await trio.sleep(IDLE_SECONDS)
        assert [one.command for one in before if not one.alive] == []
        for session in sessions:
            await pen.turn(session, "still there?")
        assert before <= agents(), "the same processes"
