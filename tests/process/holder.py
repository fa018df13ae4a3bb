"""A stand-in for the daemon, to be killed: `python -m tests.process.holder MARK AGENTS [STATE_DIR]`. Says `up`, starts
the agents, and says `ready` of each. In a state directory it writes down what it starts."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import trio

from jelmored.domain.ids import InstanceId
from jelmored.process.child import Child
from jelmored.process.lives import Lives
from jelmored.process.reaper import Reaper
from tests.process.trees import STUBBORN, said, sh


async def hold(mark: InstanceId, agents: int, state: Path | None = None) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(Reaper(mark).run)
        if state is not None:
            await nursery.start(Lives(state, mark).run)
        print("up", flush=True)
        for number in range(agents):
            nursery.start_soon(agent, mark, number, nursery)


async def agent(mark: InstanceId, number: int, nursery: trio.Nursery) -> None:
    child = Child(sh(f"{STUBBORN} echo ready; sleep 1000", mark=mark), name=f"agent {number}")
    await nursery.start(child.run)
    await said(child, b"ready")
    print("ready", flush=True)


if __name__ == "__main__":
    trio.run(partial(hold, InstanceId(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:])))
