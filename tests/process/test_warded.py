from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.process import procfs, reaper, warded
from jelmored.process.child import Child
from tests.process.trees import command, said, sh


async def test_a_warden_that_does_not_start_is_a_crash_that_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "warden.py"
    broken.write_text("raise SystemError('no memory')")
    monkeypatch.setattr(warded, "WARDEN", broken)
    child = Child(command("cat"), name="cat")
    with pytest.raises(SessionError) as failed:
        await child.run()
    assert failed.value.kind is ErrorKind.AGENT_CRASHED
    assert "no memory" in child.stderr_tail
    assert not reaper.WARDENS


async def test_a_warden_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "warden.py"
    hanging.write_text("import time; time.sleep(1000)")
    monkeypatch.setattr(warded, "WARDEN", hanging)
    monkeypatch.setattr(warded, "START_PATIENCE", 0.1)
    monkeypatch.setattr(warded, "KILL_PATIENCE", 0.1)
    with trio.fail_after(2), pytest.raises(SessionError):
        await Child(command("cat"), name="cat").run()
    assert not reaper.WARDENS


@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.01, 0.02, 0.03])
async def test_a_start_that_is_cancelled_leaves_nothing(delay: float) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    children = procfs.children_of(os.getpid())
    with trio.move_on_after(delay):
        await Child(sh("exec sleep 1000"), name="x").run()
    assert procfs.children_of(os.getpid()) == children
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert not reaper.WARDENS


async def test_a_run_costs_no_descriptor_when_it_is_over() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await Child(sh("echo x; echo y >&2"), name="x").run()
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_the_lifeline_is_ours_alone(nursery: trio.Nursery) -> None:
    """Were its end here inherited by another agent, this one would outlive the daemon."""
    one, other = Child(sh("echo up; read word"), name="one"), Child(sh("echo up; read word"), name="other")
    for child in (one, other):
        await nursery.start(child.run)
        await said(child, b"up")
    for child in (one, other):
        warden = procfs.parent_of(child.pid or 0)
        sockets = [link for link in _descriptors(warden or 0) if link.startswith("socket:")]
        assert len(sockets) == 1
        assert not [link for link in _descriptors(child.pid or 0) if link.startswith("socket:")]
        child.kill()


def _descriptors(pid: int) -> list[str]:
    return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
