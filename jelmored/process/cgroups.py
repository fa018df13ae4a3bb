"""The control group that a service manager has put us into, with all that we start. Where it is not ours to change, no
process of ours gets out of it by itself."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

MOUNTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
OWN = Path("/proc/self/cgroup")
MEMBERS = "cgroup.procs"


def is_outside(pid: int) -> bool:
    """Has this process never been one of ours? False too, if that can't be told: of one that has ended, say, for it is
    in no group any more."""
    group = _own()
    if group is None:
        return False
    try:
        if group.stat().st_uid == os.getuid() or os.access(group / MEMBERS, os.W_OK):
            return False  # whoever is in it may leave it
        handle = os.pidfd_open(pid)
        try:
            return pid not in set(_members(group)) and not _has_ended(handle)
        finally:
            os.close(handle)
    except (OSError, ValueError):
        return False


def _has_ended(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def _own() -> Path | None:
    """The directory of our group; None for none, or for the root, in which everybody is."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:
        return None
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    groups = (mount / path for mount in MOUNTS)
    return next((group for group in groups if (group / MEMBERS).exists()), None) if path else None


def _members(group: Path) -> Iterator[int]:
    for file in group.rglob(MEMBERS):
        yield from map(int, file.read_text().split())
