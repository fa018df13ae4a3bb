"""What becomes of an agent's processes when its warden was killed: they fall to the daemon, which kills and reaps them.

Only what is certainly an agent's is touched: it carries our instance's marker, is of the dead warden's session, or
descends from such a process. One thing gets away: a process that shed all three while its warden was still alive.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import attrs
import trio

from jelmored.domain.ids import InstanceId
from jelmored.process import procfs
from jelmored.process.environment import INSTANCE

PR_SET_CHILD_SUBREAPER = 36
PATROL = 5.0  # s between two looks; one costs 0.1 ms
PATIENCE = 2.0  # s for the killed to be dead
PAUSE = 0.005  # s; what dies leaves us its children

WARDENS: dict[int, bool] = {}
"""The living wardens of this process, and whether what each holds is an agent's. Children belong to a process, so this
is the one fact that is kept for it."""


@attrs.frozen
class Reaper:
    """Makes the daemon the one to whom orphans fall, and looks after them.

    Args:
        instance_id: the daemon's; its agents' processes are marked with it.
    """

    instance_id: InstanceId

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Must run before the first agent is started. A warden's own task buries what that one left; this is for what
        was not dead in time. Where there are no wardens there is nothing to do."""
        if sys.platform != "linux":
            task_status.started()
            await trio.sleep_forever()
        _become_subreaper(True)
        try:
            task_status.started()
            while True:
                await Orphans(marker=self.instance_id).bury(within=PATIENCE)
                await trio.sleep(PATROL)
        finally:
            _become_subreaper(False)


@attrs.define
class Orphans:
    """Those of our children that were an agent's.

    Args:
        marker: the instance that they carry in their environment; None for an environment without.
        session: the pid of the warden that died, which its processes have as their session.
    """

    marker: str | None
    session: int | None = None
    _kin: set[tuple[int, int | None]] = attrs.field(factory=set, init=False)

    async def bury(self, *, within: float) -> None:
        """Kill and reap them and all that comes of them, until none is left or `within` seconds are over."""
        with trio.move_on_after(within):
            while found := self._find():
                for pid in found:
                    self._kill(pid)
                await trio.sleep(PAUSE)

    def _find(self) -> list[int]:
        return [pid for pid in procfs.children_of(os.getpid()) if pid not in WARDENS and self._is_one(pid)]

    def _is_one(self, pid: int) -> bool:
        """The dead have no environment any more, but still their session."""
        return (
            (pid, procfs.started_at(pid)) in self._kin
            or (self.session is not None and _session_of(pid) == self.session)
            or (self.marker is not None and f"{INSTANCE}={self.marker}".encode() in procfs.environment_of(pid))
        )

    def _kill(self, pid: int) -> None:
        """Only a child is killed: until we reap it, nobody else can have its pid."""
        self._kin.update((kin, procfs.started_at(kin)) for kin in (pid, *procfs.descendants_of(pid)))
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, os.WNOHANG)
        except (ChildProcessError, ProcessLookupError, PermissionError):
            return


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _become_subreaper(yes: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(yes), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
