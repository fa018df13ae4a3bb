"""Whatever ends a run, nothing that it started is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio

from jelmored.domain.ids import InstanceId
from jelmored.process import procfs
from jelmored.process.child import Child
from jelmored.process.reaper import WARDENS, Reaper
from tests.process.trees import STUBBORN, command, is_alive, marked, marker, said, sh, until

ROUNDS = 20
WHOLE_FAMILY = 11  # of STUBBORN, with the shell itself


def pid_of(child: Child) -> int:
    assert child.pid is not None
    return child.pid


def warden_of(child: Child) -> int:
    parent = procfs.parent_of(pid_of(child))
    assert parent is not None
    return parent


async def it_returns(child: Child, _: trio.CancelScope) -> None:
    await child.write(b"exit 0\n")


async def it_crashes(child: Child, _: trio.CancelScope) -> None:
    await child.write(b"kill -SEGV $$\n")


async def it_is_killed_by_another(child: Child, _: trio.CancelScope) -> None:
    os.kill(pid_of(child), signal.SIGKILL)


async def its_input_ends(child: Child, _: trio.CancelScope) -> None:
    await child.close_stdin()


async def we_stop_it(child: Child, _: trio.CancelScope) -> None:
    await child.stop(grace=0.05, terminate=0.05)


async def we_kill_it(child: Child, _: trio.CancelScope) -> None:
    child.kill()


async def we_are_cancelled(_: Child, scope: trio.CancelScope) -> None:
    scope.cancel()


async def its_warden_is_killed(child: Child, _: trio.CancelScope) -> None:
    os.kill(warden_of(child), signal.SIGKILL)


async def its_warden_is_stopped_and_we_are_cancelled(child: Child, scope: trio.CancelScope) -> None:
    os.kill(warden_of(child), signal.SIGSTOP)
    scope.cancel()


ENDS: list[Callable[[Child, trio.CancelScope], Awaitable[None]]] = [
    it_returns,
    it_crashes,
    it_is_killed_by_another,
    its_input_ends,
    we_stop_it,
    we_kill_it,
    we_are_cancelled,
    its_warden_is_killed,
    its_warden_is_stopped_and_we_are_cancelled,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.replace("_", " "))
async def test_nothing_is_left(end: Callable[[Child, trio.CancelScope], Awaitable[None]]) -> None:
    mark = marker()
    child = Child(sh(f"{STUBBORN} echo ready; while read line; do eval $line; done", mark=mark), name="stubborn")
    async with trio.open_nursery() as nursery:
        await nursery.start(Reaper(mark).run)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as agents:
                await agents.start(child.run)
                await said(child, b"ready")
                await until(lambda: len(procfs.descendants_of(warden_of(child))) >= WHOLE_FAMILY)
                family = procfs.descendants_of(warden_of(child))
                with trio.fail_after(3):
                    await end(child, scope)
                    await child.wait()
        assert marked(mark) == []
        assert [pid for pid in family if is_alive(pid)] == []
        assert not WARDENS
        nursery.cancel_scope.cancel()


async def test_only_the_three_streams_reach_the_agent(nursery: trio.Nursery) -> None:
    with open("/dev/null", "rb") as ours:  # noqa: ASYNC230  # it does not wait
        os.set_inheritable(ours.fileno(), True)
        child = Child(sh("echo up; read word"), name="x")
        await nursery.start(child.run)
        await said(child, b"up")
        assert sorted(os.listdir(f"/proc/{child.pid}/fd")) == ["0", "1", "2"]
        child.kill()


C_LIBRARYS_OWN = 0b11 << 31
"""Signals 32 and 33: nobody can set them, so whoever started the tests may have handed them down ignored."""


async def test_the_agent_finds_signals_as_they_were_meant(nursery: trio.Nursery) -> None:
    """Python ignores two of them, and what is ignored stays so in a new program."""
    child = Child(command("grep", "Sig[BI]", "/proc/self/status"), name="x")
    await nursery.start(child.run)
    lines = await child.read_lines()
    assert [int(line.split()[1], 16) & ~C_LIBRARYS_OWN for line in lines] == [0, 0]


async def test_the_forgotten_dead_are_reaped_while_the_agent_lives(nursery: trio.Nursery) -> None:
    child = Child(sh("for i in 1 2 3 4 5; do ( sleep 0.01 & ); done; echo up; read word"), name="x")
    await nursery.start(child.run)
    await said(child, b"up")
    await until(lambda: procfs.children_of(warden_of(child)) == [child.pid])
    child.kill()


async def test_signals_that_end_programs_do_not_end_a_warden(nursery: trio.Nursery) -> None:
    child = Child(command("cat"), name="cat")
    await nursery.start(child.run)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(warden_of(child), number)
    await child.write(b"alive\n")
    assert await child.read_lines() == [b"alive"]
    child.kill()


async def test_an_agent_that_kills_its_group_does_not_reach_its_warden(nursery: trio.Nursery) -> None:
    mark = marker()
    child = Child(sh("( setsid sleep 1000 & ); kill -KILL 0", mark=mark), name="x")
    await nursery.start(child.run)
    assert (await child.wait()).signal == signal.SIGKILL
    assert marked(mark) == []


async def test_a_daemon_that_is_killed_leaves_nothing() -> None:
    mark = marker()
    with daemon(mark, 3) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["ready\n"] * 3
        assert len(marked(mark)) >= 3 * 8
        await killed_without_remains(process, mark)


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_at_whatever_moment_the_daemon_is_killed(seed: int) -> None:
    mark = marker()
    with daemon(mark, 4) as process:
        await trio.sleep(random.Random(seed).uniform(0, 0.2))
        await killed_without_remains(process, mark)


async def killed_without_remains(process: subprocess.Popen[str], mark: InstanceId) -> None:
    """It stands still while we note what it had started: a warden that is not up yet can still start its agent."""
    process.send_signal(signal.SIGSTOP)
    family = procfs.descendants_of(process.pid)
    process.kill()
    process.wait()
    await until(lambda: not any(is_alive(pid) for pid in family), within=2)
    assert marked(mark) == []


def daemon(mark: InstanceId, agents: int) -> subprocess.Popen[str]:
    """A program that runs agents, at the moment when it begins to start them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.process.holder", mark, str(agents)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process
