from __future__ import annotations

import os
import random
import signal

import pytest
import trio

from jelmored.process import procfs
from jelmored.process.child import Child
from jelmored.process.environment import INSTANCE
from jelmored.process.reaper import Reaper
from tests.process.trees import STUBBORN, command, foreign, is_alive, marked, marker, said, sh, until

ROUNDS = 5


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_at_whatever_moment_a_warden_is_killed(nursery: trio.Nursery, seed: int) -> None:
    mark = marker()
    await nursery.start(Reaper(mark).run)
    child = Child(sh(f"{STUBBORN} echo ready; sleep 1000", mark=mark), name="x")
    await nursery.start(child.run)
    warden = procfs.parent_of(child.pid or 0)
    assert warden is not None
    await trio.sleep(random.Random(seed).uniform(0, 0.05))
    os.kill(warden, signal.SIGKILL)
    with trio.fail_after(2):
        ended = await child.wait()
    assert ended.signal == signal.SIGKILL
    assert marked(mark) == []
    assert [pid for pid in procfs.children_of(os.getpid()) if os.getsid(pid) == warden] == []
    nursery.cancel_scope.cancel()


async def test_the_death_of_one_warden_is_not_the_others(nursery: trio.Nursery) -> None:
    mark = marker()
    await nursery.start(Reaper(mark).run)
    one, other = Child(command("cat", mark=mark), name="one"), Child(command("cat", mark=mark), name="other")
    await nursery.start(one.run)
    await nursery.start(other.run)
    os.kill(procfs.parent_of(one.pid or 0) or 0, signal.SIGKILL)
    await one.wait()
    await other.write(b"alive\n")
    assert await other.read_lines() == [b"alive"]
    other.kill()
    await other.wait()
    nursery.cancel_scope.cancel()


async def test_what_is_not_an_agents_is_left_alone(nursery: trio.Nursery) -> None:
    """Neither a live child of ours is killed, nor is a dead one's exit code taken from who waits for it."""
    mark = marker()
    live = foreign("sleep", "1000")
    dead = foreign("sh", "-c", "exit 5")
    await nursery.start(Reaper(mark).run)
    child = Child(command("cat", mark=mark), name="x")
    await nursery.start(child.run)
    os.kill(procfs.parent_of(child.pid or 0) or 0, signal.SIGKILL)
    await child.wait()
    assert live.poll() is None
    assert dead.wait() == 5
    live.kill()
    live.wait()
    nursery.cancel_scope.cancel()


async def test_what_was_left_before_is_found_on_patrol(nursery: trio.Nursery) -> None:
    """With all that comes of it, also what has shed its marker and its session."""
    mark = marker()
    left = foreign(
        *("sh", "-c", "env -i setsid sleep 1000 & sleep 1000 & wait"), env={"PATH": os.defpath, INSTANCE: mark}
    )
    await until(lambda: len(procfs.descendants_of(left.pid)) == 2)
    family = [left.pid, *procfs.descendants_of(left.pid)]
    await nursery.start(Reaper(mark).run)
    await until(lambda: not any(is_alive(pid) for pid in family))
    await until(lambda: not set(family) & set(procfs.children_of(os.getpid())))
    left.wait()
    nursery.cancel_scope.cancel()


async def test_where_it_does_not_run_only_the_agent_dies_with_its_warden(nursery: trio.Nursery) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as reaping:
            await reaping.start(Reaper(marker()).run)
            scope.cancel()
    child = Child(sh("( sleep 1000 & ); echo up; exec sleep 1000"), name="x")
    await nursery.start(child.run)
    await said(child, b"up")
    warden = procfs.parent_of(child.pid or 0)
    assert warden is not None
    (orphan,) = (pid for pid in procfs.children_of(warden) if pid != child.pid)
    os.kill(warden, signal.SIGKILL)
    await child.wait()
    assert not is_alive(child.pid or 0)
    assert procfs.parent_of(orphan) != os.getpid()
    os.kill(orphan, signal.SIGKILL)
