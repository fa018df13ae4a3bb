"""Hostile clients by the hundred, while an honest one works: it feels nothing, and nothing of them stays."""

from __future__ import annotations

import gc
import os
import random
import sys
import time

import pytest
import trio

from tests.client_raw import RawClient, connect
from tests.eventually import eventually

from .hostile import HEADS, KINDS
from .stage import Stage, staged

CONNECTIONS = int(os.environ.get("JELMORE_TEST_HOSTILE", "250"))
HONEST_PATIENCE = (
    0.1  # seconds, of nine in ten pings: what a busy machine does with the rest, the steps below can't be blamed for
)
LONGEST_STEP = 0.05  # seconds of our own processor time in which nobody else is served


def test_there_are_kinds_enough() -> None:
    assert len(KINDS) >= 40
    assert {"host not ASCII", "host not IDNA", "subprotocol not ASCII", "extension not ASCII"} < set(HEADS)


@pytest.mark.parametrize("door", ["socket", "port"])
async def test_hostile_clients(door: str) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    async with staged(host="127.0.0.1") as stage, connect(stage.socket, name="honest") as honest:
        session = stage.directory.open()
        await honest.request("session/subscribe", sessionId="*")
        tasks, descriptors = _tasks(), _descriptors()
        gc.freeze()  # the collector's time is what else this process holds
        waits: list[float] = []
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        async with trio.open_nursery() as nursery:
            over = trio.Event()
            nursery.start_soon(_ping, honest, waits, over)
            assert await _attack(stage, door, seed) == f"{CONNECTIONS} {len(KINDS)}\n"
            over.set()
        trio.lowlevel.remove_instrument(steps)
        gc.unfreeze()
        await eventually(lambda: _tasks() <= tasks and _descriptors() <= descriptors, 10, _descriptors)
        assert stage.connections.count == len(session.feed.subscribers) == 1
        waits.sort()
        print(f"{len(waits)} pings, median {waits[len(waits) // 2] * 1000:.1f} ms, longest {waits[-1] * 1000:.1f} ms")
        print(f"longest step {steps.longest * 1000:.1f} ms; failures: {dict(stage.connections.failures)}")
        assert waits[len(waits) * 9 // 10] <= HONEST_PATIENCE
        assert steps.longest <= LONGEST_STEP


class Steps(trio.abc.Instrument):
    """The longest time that one task kept the loop to itself."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, time.thread_time() - self._began)


async def _ping(client: RawClient, waits: list[float], over: trio.Event) -> None:
    while not over.is_set():
        start = trio.current_time()
        await client.request("ping")
        waits.append(trio.current_time() - start)
        await trio.sleep(0.005)


async def _attack(stage: Stage, door: str, seed: int) -> str:
    assert stage.port is not None
    where = str(stage.socket) if door == "socket" else f"{stage.port.host}:{stage.port.port}:{stage.token}"
    command = [sys.executable, "-m", "tests.control.hostile", where, str(CONNECTIONS), str(seed)]
    done = await trio.run_process(command, capture_stdout=True)
    return done.stdout.decode()


def _tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
