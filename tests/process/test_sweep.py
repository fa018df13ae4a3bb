"""What is killed and, above all, what is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jelmored
from jelmored.process import procfs
from jelmored.process.environment import INSTANCE, WARDEN_OF
from jelmored.process.procfs import Process
from jelmored.process.sweep import Former, sweep
from tests.process.trees import STUBBORN, marked, marker, until

SECONDS = 5.0
ROOT = Path(jelmored.__file__).parents[1]


@contextmanager
def somebody(mark: str, *argv: str, name: str = INSTANCE, **options: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a mark. It is killed at the end, if it was not before."""
    env = {"PATH": os.defpath, name: mark}
    with subprocess.Popen(argv or ("sleep", "1000"), env=env, start_new_session=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def of(process: subprocess.Popen[bytes]) -> Process:
    found = Process.of(process.pid)
    assert found is not None
    return found


async def test_all_that_carry_a_mark_end_with_all_that_comes_of_them() -> None:
    mark = marker()
    with somebody(mark, "sh", "-c", f"{STUBBORN} wait") as shell, somebody(mark, name=WARDEN_OF) as warden:
        await until(lambda: len(procfs.descendants_of(shell.pid)) >= 8)
        family = [process for pid in procfs.descendants_of(shell.pid) if (process := Process.of(pid))]
        assert [one for one in sweep([Former(mark)], SECONDS) if not one.over] == []
        assert (shell.wait(), warden.wait()) == (-signal.SIGKILL, -signal.SIGKILL)
        assert [process for process in family if process.is_alive] == []
        assert marked(mark) == []


async def test_one_that_stands_still_ends_too() -> None:
    with somebody(mark := marker(), name=WARDEN_OF) as warden:
        warden.send_signal(signal.SIGSTOP)
        (ended,) = sweep([Former(mark)], SECONDS)
        assert (ended.process.pid, ended.name, ended.over) == (warden.pid, "sleep", True)
        assert warden.wait() == -signal.SIGKILL


async def test_one_without_a_mark_of_ours_lives() -> None:
    """Not by its name either, nor because the mark begins or ends like one."""
    mark = marker()
    with somebody(marker()) as other, somebody(f"{mark}x") as alike, somebody(mark, name="OTHER") as elsewhere:
        assert sweep([Former(mark)], SECONDS) == []
        assert [process.poll() for process in (other, alike, elsewhere)] == [None] * 3


async def test_one_whose_pid_had_another_lives() -> None:
    mark = marker()
    with somebody(mark) as process:
        before = Process(process.pid, of(process).started - 1)
        assert sweep([Former(mark, held=frozenset({before}))], SECONDS) == []
        assert process.poll() is None
        assert len(sweep([Former(mark, held=frozenset({before, of(process)}))], SECONDS)) == 1


async def test_that_one_was_written_down_is_not_enough() -> None:
    with somebody(marker()) as process:
        assert sweep([Former(marker(), held=frozenset({of(process)}))], SECONDS) == []
        assert process.poll() is None


async def test_those_of_a_daemon_that_lives_are_its_own() -> None:
    mark = marker()
    us = Process.of(os.getpid())
    assert us is not None
    with somebody(mark) as process:
        assert sweep([Former(mark, daemon=us)], SECONDS) == []
        assert process.poll() is None
        former = Process(us.pid, us.started - 1)  # our pid was its own once
        assert len(sweep([Former(mark, daemon=former)], SECONDS)) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
async def test_one_of_another_user_lives() -> None:
    with somebody(mark := marker(), user=65534) as process:
        assert sweep([Former(mark)], SECONDS) == []
        assert process.poll() is None


SWEEPER = """
from jelmored.process.sweep import Former, sweep
for one in sweep([Former("{mark}")], 5):
    print(one.name, one.over)
"""


async def test_a_daemon_that_an_orphan_has_started_lives_and_the_orphan_too(tmp_path: Path) -> None:
    """The shell carries the mark, and so does the sweeper that it runs; of all only the sleeper beside it ends."""
    mark = marker()
    program = tmp_path / "sweeper.py"
    program.write_text(SWEEPER.format(mark=mark))
    script = f"sleep 1000 & PYTHONPATH={ROOT} {sys.executable} {program}; echo alive"
    with somebody(mark, "sh", "-c", script, stdout=subprocess.PIPE) as shell:
        assert shell.communicate(timeout=20)[0].decode() == "sleep True\nalive\n"


async def test_without_time_nobody_is_touched() -> None:
    with somebody(mark := marker()) as process:
        sweep([Former(mark)], 0)
        assert process.poll() is None
        assert _state(process.pid) != "T", "it does not stand still"


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def test_nothing_is_looked_for_without_a_former_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "everyone", lambda: pytest.fail("looked"))
    assert sweep([], SECONDS) == []
