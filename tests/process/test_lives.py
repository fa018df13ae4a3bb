"""A daemon is killed together with its wardens; the next one in its state directory ends what they have left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog.testing
import trio

from jelmored.domain.ids import InstanceId
from jelmored.process import lives, procfs
from jelmored.process.environment import WARDEN_OF
from jelmored.process.lives import HOME, Lives
from jelmored.process.procfs import Process
from jelmored.process.sweep import Former, Remnant
from tests.process.trees import marked, marker, until

AGENTS = 3
WHOLE_FAMILY = 11  # of STUBBORN, with the shell itself


@contextmanager
def daemon(
    mark: InstanceId, state: Path, agents: int = AGENTS, *, until_ready: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """One that holds stubborn agents, once so many of them are up."""
    ready = agents if until_ready is None else until_ready
    command = [sys.executable, "-m", "tests.process.holder", mark, str(agents), str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(ready + 1)] == ["up\n", *["ready\n"] * ready]
        try:
            yield process
        finally:
            process.kill()


def wardens(mark: InstanceId) -> list[int]:
    wanted = f"{WARDEN_OF}={mark}".encode()
    return [pid for pid in procfs.everyone() if wanted in procfs.environment_of(pid)]


def family(process: subprocess.Popen[str]) -> set[Process]:
    return {found for pid in procfs.descendants_of(process.pid) if (found := Process.of(pid))}


def alive(processes: Collection[Process]) -> list[Process]:
    return [process for process in processes if process.is_alive]


async def begun(state: Path, instance_id: InstanceId = marker()) -> None:  # noqa: B008  # one life's is as good as another
    """A life that begins and ends."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(8):
            await nursery.start(Lives(state, instance_id).run)
        nursery.cancel_scope.cancel()


async def killed_with_its_wardens(process: subprocess.Popen[str], mark: InstanceId, how: signal.Signals) -> None:
    """`how`: the wardens; killed they leave all but the agents, stopped they leave all."""
    for pid in wardens(mark):
        os.kill(pid, how)
    process.kill()
    process.wait()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_a_daemon_and_its_wardens_have_left_is_ended(tmp_path: Path, how: signal.Signals) -> None:
    mark = marker()
    with daemon(mark, tmp_path) as process:
        await until(lambda: len(family(process)) >= AGENTS * (WHOLE_FAMILY + 1))
        known = family(process)
        process.send_signal(signal.SIGSTOP)  # it would bury them
        await killed_with_its_wardens(process, mark, how)
        assert len(alive(known)) >= AGENTS * 5
        with structlog.testing.capture_logs() as logs:
            await begun(tmp_path)
        assert alive(known) == []
        assert marked(mark) == wardens(mark) == []
        (told,) = logs
        assert told["instances"] == [mark]
        assert "sleep" in str(told["processes"])
        assert list((tmp_path / HOME).iterdir()) == []


@pytest.mark.parametrize("seed", range(5))
async def test_at_whatever_moment_they_are_killed(tmp_path: Path, seed: int) -> None:
    """Also one that is still starting its agents; what has shed its marker falls with its parents."""
    mark = marker()
    with daemon(mark, tmp_path, until_ready=0) as process:
        await trio.sleep(random.Random(seed).uniform(0, 0.15))
        process.send_signal(signal.SIGSTOP)
        await killed_with_its_wardens(process, mark, signal.SIGKILL)
        await begun(tmp_path)
        assert marked(mark) == []
        await until(lambda: not wardens(mark))  # one that was only starting ends by itself, with nothing in its hands


async def test_two_daemons_of_one_user_do_not_touch_each_other(tmp_path: Path) -> None:
    one, other = marker(), marker()
    for state in ("one", "other", "third"):
        (tmp_path / state).mkdir()
    with daemon(one, tmp_path / "one", 1) as living, daemon(other, tmp_path / "other", 1) as dying:
        known = family(living)
        dying.send_signal(signal.SIGSTOP)
        await killed_with_its_wardens(dying, other, signal.SIGKILL)
        await begun(tmp_path / "third")
        await begun(tmp_path / "other")
        assert marked(other) == []
        assert len(alive(known)) >= len(known) - 2, "one that always forks has others now"
        assert len(wardens(one)) == 1


async def test_a_clean_end_leaves_nothing_to_look_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await begun(tmp_path)
    monkeypatch.setattr(lives, "sweep", lambda *_: pytest.fail("looked"))
    await begun(tmp_path)
    assert list((tmp_path / HOME).iterdir()) == []


def hangs(_: list[Former], __: float) -> list[Remnant]:
    signal.sigtimedwait([], 2)
    return []


async def test_a_start_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / HOME).mkdir()
    (tmp_path / HOME / "ins_former").touch()
    monkeypatch.setattr(lives, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(lives, "sweep", hangs)
    with structlog.testing.capture_logs() as logs, trio.fail_after(1):
        await begun(tmp_path)
    assert [entry["log_level"] for entry in logs] == ["error"]
    assert [file.name for file in (tmp_path / HOME).iterdir()] == ["ins_former"], "the next one may find it"


async def test_what_can_not_be_ended_is_told_and_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / HOME).mkdir()
    (tmp_path / HOME / "ins_former").touch()
    left = [Remnant(Process(1, 1), "tool", over=False), Remnant(Process(2, 1), "sh", over=True)]
    monkeypatch.setattr(lives, "sweep", lambda *_: left)
    with structlog.testing.capture_logs() as logs:
        await begun(tmp_path)
    assert [(entry["log_level"], entry["processes"]) for entry in logs] == [
        ("warning", ["2 (sh)"]),
        ("error", ["1 (tool)"]),
    ]
    assert [file.name for file in (tmp_path / HOME).iterdir()] == ["ins_former"]
