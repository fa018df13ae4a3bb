"""Where a client comes from: from one of our own agents, or from elsewhere. What can't be told is told as such.

An agent's processes fall to its warden whatever they do (double fork, a session of their own), so a walk up the parents
ends there. This tells mistakes and misled agents; one that has a program outside start what it wants is not seen.
"""

from __future__ import annotations

import ctypes
import enum
import os
import sys
from collections.abc import Iterator

from jelmored import sockets

from . import cgroups, procfs, reaper

PR_GET_CHILD_SUBREAPER = 37
LOOKS = 5  # an ancestor that ends while we walk gives its children another parent


class Origin(enum.Enum):
    """Of a client."""

    ELSEWHERE = enum.auto()
    AGENT = enum.auto()
    UNKNOWN = enum.auto()


def origin_of(pid: int) -> Origin:
    """Of a process. One that we can't see because it is another user's is from elsewhere: an agent can't become
    another user, unless it may do so anyway."""
    if sys.platform != "linux" or pid <= 0:  # 0: it is outside our namespace, and what we start is inside
        return Origin.ELSEWHERE
    for _ in range(LOOKS):
        if (found := _walk(pid)) is not None:
            return found
    return Origin.UNKNOWN


def origin_of_socket(found: sockets.Socket | None) -> Origin:
    """Of a client by its socket. Without anyone who has it in hand it may be on its way from one process to another,
    or be held by one that does not let itself be looked at: that is unknown, unless it is of a user as whom no agent of
    ours runs. It takes milliseconds: not for the loop's own thread."""
    if sys.platform != "linux":
        return Origin.ELSEWHERE
    if found is None:
        return Origin.UNKNOWN
    if any(has(pid, found) for pid in _of_agents()):
        return Origin.AGENT
    for pid in sorted(procfs.everyone(), reverse=True):  # a client has mostly just begun
        if has(pid, found) and (origin := origin_of(pid)) is not Origin.UNKNOWN:
            return origin
    mine = found.uid == os.getuid() or found.uid in map(procfs.owner_of, _of_agents())
    return Origin.UNKNOWN if mine else Origin.ELSEWHERE


def has(pid: int, found: sockets.Socket) -> bool:
    """Has this process it open? False too, if we may not look."""
    return procfs.has_open(pid, f"socket:[{found.inode}]")


def _walk(pid: int) -> Origin | None:
    """None: an ancestor has gone meanwhile."""
    us, ancestor = os.getpid(), pid
    while ancestor not in (us, 1):
        if ancestor in reaper.WARDENS:
            return Origin.AGENT if reaper.WARDENS[ancestor] else Origin.ELSEWHERE
        parent = procfs.parent_of(ancestor)
        if parent is None:
            return _unseen(ancestor)
        if parent == us and (us == 1 or _is_subreaper()):  # an orphan whose warden was killed
            return Origin.AGENT
        ancestor = parent
        if not ancestor:
            return Origin.ELSEWHERE
    return Origin.ELSEWHERE


def _unseen(pid: int) -> Origin | None:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return Origin.ELSEWHERE
    except ProcessLookupError:
        return None
    # It is our user's, and hidden all the same: we want a descriptor; it does not let itself be looked at, as one of an
    # agent may wish; or we are in a user namespace of our own (PrivateUsers=), and it is not.
    return Origin.ELSEWHERE if cgroups.is_outside(pid) else Origin.UNKNOWN


def _is_subreaper() -> bool:
    yes = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(yes), 0, 0, 0)
    return bool(yes.value)


def _of_agents() -> Iterator[int]:
    for warden, is_agents in list(reaper.WARDENS.items()):  # we are in a thread
        if is_agents:
            yield from procfs.descendants_of(warden)
