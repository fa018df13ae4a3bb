"""One daemon goes and the next one comes, under a manager that keeps the door: nobody is turned away, nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from jelmored.service.handed import NAMES
from tests.client_raw import RawClient, connect
from tests.real.processes import descendants
from tests.watch import PATIENCE

from .managed import Unit, managed

HIDDEN = (*NAMES, "CREDENTIALS_DIRECTORY")


@pytest.fixture
def door(root: Path) -> Iterator[socket.socket]:
    """The manager's socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "door.sock"))
        listening.listen()
        yield listening


async def at_work(client: RawClient, root: Path) -> str:
    """A new session that waits for an answer, with a prompt behind it."""
    session_id: str = (await client.request("session/create", cwd=str(root), prompt="hello"))["sessionId"]
    watch = await client.subscribe(session_id)
    await watch.event("approval_requested")
    assert (await client.request("session/prompt", sessionId=session_id, prompt="more"))["disposition"] == "queued"
    return session_id


async def deny(client: RawClient, session_id: str) -> None:
    [approval] = (await client.request("approval/list", sessionId=session_id))["approvals"]
    await client.request("approval/resolve", approvalId=approval["approvalId"], optionId="reject")


def inodes(pid: int) -> set[str]:
    """Of the sockets that a process has open."""
    return {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def assert_knows_nothing_of_the_manager(unit: Unit, door: socket.socket) -> None:
    """Whoever the daemon has started."""
    family = descendants(unit.process.pid)
    assert len(family) >= 2, "a warden and an agent"
    for one in family:
        names = {
            pair.partition(b"=")[0].decode() for pair in Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0")
        }
        assert not names & set(HIDDEN), one.command
        assert f"socket:[{os.fstat(door.fileno()).st_ino}]" not in inodes(one.pid), one.command


async def test_turns_end_and_who_comes_meanwhile_is_served_by_the_next_one(root: Path, door: socket.socket) -> None:
    path, environ = root / "door.sock", {"CREDENTIALS_DIRECTORY": "/nowhere", "WATCHDOG_USEC": "60000000"}
    async with managed(root, door=door, environ=environ, sessions="drain_seconds = 600") as unit:
        async with connect(path) as client:
            session_id = await at_work(client, root)
            assert_knows_nothing_of_the_manager(unit, door)
            unit.signal(signal.SIGTERM)
            await unit.ear.hears("STOPPING=1")
            assert int(unit.ear.last("EXTEND_TIMEOUT_USEC") or 0) > 20_000_000
            await deny(client, session_id)
            assert await client.wait_closed() == 1001
            seen = [note.params["seq"] for note in client.notes if note.is_event]
        assert await unit.ended() == 0
    assert path.exists()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served_by_the_next, path, session_id, seen)
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with managed(root, door=door) as unit:
            await unit.ear.hears("READY=1")
            with trio.fail_after(PATIENCE):
                while nursery.child_tasks:  # noqa: ASYNC110 – the client has all it wanted
                    await trio.sleep(0.02)
            assert await unit.stop() == 0


async def served_by_the_next(path: Path, session_id: str, seen: list[int]) -> None:
    """It came when no daemon was there."""
    async with connect(path) as client:
        watch = await client.subscribe(session_id)
        assert (await watch.turn_over(1))["metadata"]["reason"] == "completed"
        await watch.event("approval_requested", turn=2)
        numbers = [event["seq"] for event in watch.events]
        assert numbers == list(range(1, len(numbers) + 1)), "no gap"
        assert set(seen) <= set(numbers)


async def test_a_turn_that_is_cut_is_gone_on_with_by_the_next_one(root: Path, door: socket.socket) -> None:
    path = root / "door.sock"
    async with managed(root, door=door) as unit, connect(path) as client:
        session_id = await at_work(client, root)
        assert await unit.stop() == 0
    async with managed(root, door=door), connect(path) as client:
        watch = await client.subscribe(session_id)
        assert (await watch.turn_over(1))["metadata"]["cause"] == "daemon_restart"
        await watch.event("approval_requested", turn=2)


async def test_a_reload_is_told_before_and_after_also_one_that_is_refused(root: Path) -> None:
    async with managed(root) as unit:
        unit.signal(signal.SIGHUP)
        await unit.ear.hears("READY=1", 2)
        (root / "config.toml").write_text("nothing = 1")
        unit.signal(signal.SIGHUP)
        await unit.ear.hears("READY=1", 3)
        told = [said for said in unit.ear.heard if not said[0].startswith("STATUS=")]
        assert [said[0] for said in told] == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]
        microseconds = [int(said[1].removeprefix("MONOTONIC_USEC=")) for said in told if len(said) > 1]
        assert microseconds == sorted(microseconds)
        assert abs(microseconds[-1] / 1e6 - time.monotonic()) < PATIENCE
        assert await unit.stop() == 0


async def test_what_is_ours_to_tell_is_told_in_its_order(root: Path) -> None:
    async with managed(root) as unit:
        await unit.ear.until(lambda: unit.ear.last("STATUS") is not None)
        async with connect(unit.socket) as client:
            await client.request("daemon/status")
        assert await unit.stop() == 0
        heard = [said[0] for said in unit.ear.listen()]
    assert heard[:2] in (["STATUS=0 sessions, 0 at work", "READY=1"], ["READY=1", "STATUS=0 sessions, 0 at work"])
    assert heard.count("READY=1") == heard.count("STOPPING=1") == 1
    assert heard.index("STOPPING=1") > heard.index("READY=1")
