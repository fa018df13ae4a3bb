"""Ends what a killed life of the daemon has left although it had wardens: one was killed as well, or stood still.

Only what is certainly an agent's is touched: it carries the marker of an instance that our own state directory has
written down, and no process that was written down had its pid; or it descends from such a process. Never by a name,
never a process of another user. What has shed both its marker and its parents gets away.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence

import attrs

from jelmored.domain.ids import InstanceId
from jelmored.process import procfs
from jelmored.process.environment import INSTANCE, WARDEN_OF
from jelmored.process.procfs import Process

PAUSE = 0.02  # s for those that were killed to be dead


@attrs.frozen
class Former:
    """A life that has left its file.

    Args:
        instance_id: what was started in it is marked with this.
        daemon: who lived it, if that is known.
        held: the wardens and agents that were written down.
    """

    instance_id: InstanceId
    daemon: Process | None = None
    held: frozenset[Process] = frozenset()

    @property
    def is_over(self) -> bool:
        """Its daemon is not there any more."""
        return self.daemon is None or not self.daemon.is_alive

    def has_reused(self, process: Process) -> bool:
        """The pid is one that was written down, and this is somebody else."""
        known = {held.started for held in self.held if held.pid == process.pid}
        return bool(known) and process.started not in known


@attrs.frozen
class Remnant:
    """Of a former life. `over`: it has been ended."""

    process: Process
    name: str
    over: bool

    def __str__(self) -> str:
        return f"{self.process.pid} ({self.name})"


def sweep(lives: Sequence[Former], seconds: float) -> list[Remnant]:
    """End all that these lives have left, and tell what it was. Blocks: call it in a thread.

    All are stopped before the first is killed, so that none of them forks meanwhile.

    Args:
        lives: of this state directory. One whose daemon is alive is left alone.
        seconds: it may take.
    """
    end = time.monotonic() + seconds
    over = [life for life in lives if life.is_over]
    seen: dict[Process, str] = {}
    while over and time.monotonic() < end and (found := alive_of(over)):
        seen.update((process, procfs.name_of(process.pid)) for process in found)
        stopped = [process for process in found if _signal(process, signal.SIGSTOP)]
        if not stopped:
            break
        if set(alive_of(over)) <= set(found):
            _kill(found)
            _pause()
    _kill(seen)  # whom we have stopped when time was over
    return [Remnant(process, name, over=not process.is_alive) for process, name in seen.items()]


def alive_of(lives: Iterable[Former]) -> list[Process]:
    """Who carries a mark of theirs, and all that comes of those; neither ourselves nor those that we come from."""
    marks = {f"{name}={life.instance_id}".encode(): life for life in lives for name in (INSTANCE, WARDEN_OF)}
    ours, spared = os.getuid(), _lineage()
    candidates = {pid for pid in procfs.everyone() if pid not in spared and procfs.owner_of(pid) == ours}
    found = {pid for pid in candidates if _is_marked(pid, marks)}
    found.update(kin for pid in tuple(found) for kin in procfs.descendants_of(pid) if kin in candidates)
    processes = (Process.of(pid) for pid in found)
    return [process for process in processes if process is not None and process.is_alive]


def _is_marked(pid: int, marks: Mapping[bytes, Former]) -> bool:
    process = Process.of(pid)  # before we look what it carries: later the pid may be another's
    for setting in procfs.environment_of(pid):
        if (life := marks.get(setting)) is not None:
            return process is not None and not life.has_reused(process)
    return False


def _lineage() -> set[int]:
    """Whoever is started by an orphan is not one."""
    line: set[int] = set()
    pid: int | None = os.getpid()
    while pid:
        line.add(pid)
        pid = procfs.parent_of(pid)
    return line


def _kill(processes: Iterable[Process]) -> None:
    for process in processes:
        _signal(process, signal.SIGKILL)


def _signal(process: Process, number: signal.Signals) -> bool:
    """By a descriptor of it, so that nobody who gets its pid meanwhile is meant. False: it is gone, or may not be."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if Process.of(process.pid) == process:
                signal.pidfd_send_signal(descriptor, number)
                return True
        finally:
            os.close(descriptor)
    return False


def _pause() -> None:
    select.select([], [], [], PAUSE)
