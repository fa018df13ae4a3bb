"""What /proc tells of other processes. Whatever is gone meanwhile, or not ours to see, reads as nothing; so does
everything while we have no descriptor left to look with."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def children_of(pid: int) -> list[int]:
    """Its direct children, whichever of its threads started them; zombies too."""
    return [int(child) for task in _tasks(pid) for child in _read(task / "children").split()]


def _tasks(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "task").iterdir())
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
