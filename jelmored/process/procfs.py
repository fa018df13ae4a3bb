"""What /proc tells of other processes. Whatever is gone meanwhile, or not ours to see, reads as nothing; so does
everything while we have no descriptor left to look with."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

PROC = Path("/proc")


@attrs.frozen
class Process:
    """A process for ever: its pid may be given again, its pid with its start time is not.

    Args:
        pid: its number.
        started: in clock ticks after boot.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Who has this pid now."""
        started = started_at(pid)
        return None if started is None else cls(pid, started)

    @property
    def is_alive(self) -> bool:
        """A zombie is not."""
        fields = _stat(self.pid)
        return bool(fields) and int(fields[19]) == self.started and fields[0] not in {b"Z", b"X"}


def everyone() -> list[int]:
    return [int(entry) for entry in _listed(PROC) if entry.isdecimal()]


def boot_id() -> str:
    """Another one after each start of the system."""
    return _read(PROC / "sys/kernel/random/boot_id").decode().strip()


def children_of(pid: int) -> list[int]:
    """Its direct children, whichever of its threads started them; zombies too."""
    return [int(child) for task in _tasks(pid) for child in _read(task / "children").split()]


def _tasks(pid: int) -> list[Path]:
    home = PROC / str(pid) / "task"
    return [home / task for task in _listed(home)]


def _listed(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def descendants_of(pid: int) -> list[int]:
    """Its children, theirs, and so on. What forks meanwhile may be missed."""
    found = children_of(pid)
    for child in found:  # grows as we go
        found.extend(children_of(child))
    return found


def parent_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def started_at(pid: int) -> int | None:
    """In clock ticks after boot. With the pid it names a process for ever; the pid alone may be given again."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def owner_of(pid: int) -> int | None:
    """The real uid: of a setuid program, of who started it."""
    for line in _read(PROC / str(pid) / "status").splitlines():
        if line.startswith(b"Uid:"):
            return int(line.split()[1])
    return None


def name_of(pid: int) -> str:
    """Short, and without its arguments: they may be secret."""
    return _read(PROC / str(pid) / "comm").decode(errors="replace").strip()


def has_open(pid: int, what: str) -> bool:
    """Does one of its descriptors lead there: to a path, to `socket:[INODE]`? False too, if we may not look."""
    home = f"{PROC}/{pid}/fd"
    return any(_target(f"{home}/{descriptor}") == what for descriptor in _listed(Path(home)))


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def environment_of(pid: int) -> list[bytes]:
    """As it was at its exec, `NAME=value` each; a zombie has none."""
    return _read(PROC / str(pid) / "environ").split(b"\0")


def _stat(pid: int) -> list[bytes]:
    """The fields after the name, which may itself have spaces and brackets: the state is the first."""
    return _read(PROC / str(pid) / "stat").rpartition(b")")[2].split()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
