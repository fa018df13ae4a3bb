"""Hostile connections by the thousand at a daemon's process: nothing of them stays, and an honest client is served.

`FUZZ=100000 SEED=7 pytest tests/fuzz/test_connections.py -s` is the long form (`make fuzz`); a seed that was printed
gives the same connections again, in the same order.
"""

from __future__ import annotations

import os
import random
import sys

import trio

from tests.client_raw import RawClient, connect
from tests.control.hostile import KINDS
from tests.eventually import eventually

from .daemon import Daemon, Held, running

CONNECTIONS = int(os.environ.get("FUZZ", "6000"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
WARM = 500  # connections after which its memory is what it will be
SETTLE_SECONDS = 10
MEMORY_MIB = 10


async def test_hostile_connections() -> None:
    print(f"SEED={SEED} FUZZ={CONNECTIONS}")
    with running() as daemon:
        async with connect(daemon.socket, name="honest") as honest:
            before = daemon.held()
            await _attack(daemon, WARM, SEED + 1)
            warm = daemon.held()
            waits: list[float] = []
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ask, honest, waits)
                await _attack(daemon, CONNECTIONS, SEED)
                nursery.cancel_scope.cancel()
            took = trio.current_time() - began
            await eventually(lambda: _is_back(daemon, before), SETTLE_SECONDS, daemon.held)
            after = daemon.held()
            status = await honest.request("daemon/status")
        waits.sort()
        print(f"{CONNECTIONS} connections of {len(KINDS)} kinds at two doors in {took:.0f} s; {before} {warm} {after}")
        print(f"the honest client asked {len(waits)} times: median {waits[len(waits) // 2] * 1000:.1f} ms,", end=" ")
        print(f"99 of 100 within {waits[len(waits) * 99 // 100] * 1000:.0f} ms, longest {waits[-1] * 1000:.0f} ms")
        assert after.memory - warm.memory <= MEMORY_MIB
        assert status["connections"] == 1
        assert status["journal"]["ok"]
        assert daemon.stop() == 0


def _is_back(daemon: Daemon, before: Held) -> bool:
    held = daemon.held()
    return held.descriptors <= before.descriptors and held.tasks <= before.tasks


async def _ask(client: RawClient, waits: list[float]) -> None:
    while True:
        began = trio.current_time()
        await client.request("ping")
        waits.append(trio.current_time() - began)
        await trio.sleep(0.01)


async def _attack(daemon: Daemon, connections: int, seed: int) -> None:
    """Half of them at each door, at the same time."""
    async with trio.open_nursery() as nursery:
        for where in (str(daemon.socket), daemon.port):
            words = [sys.executable, "-m", "tests.control.hostile", where, str(connections // 2), str(seed)]
            nursery.start_soon(trio.run_process, words)
