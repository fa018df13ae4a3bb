"""Which processes are alive, read from /proc: the proof that a test has left none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.eventually import eventually

PROC = Path("/proc")


@attrs.frozen
class Process:
    """A process for life: a pid may be given again, a pid with its start time is not."""

    pid: int
    started: int
    """Clock ticks after boot."""
    parent: int = attrs.field(eq=False)
    state: str = attrs.field(eq=False)
    command: str = attrs.field(eq=False)

    @property
    def alive(self) -> bool:
        """False too for one that is dead and not yet waited for."""
        now = _read(self.pid)
        return now == self and now.state not in "ZX"


def _read(pid: int) -> Process | None:
    try:
        head, _, rest = (PROC / str(pid) / "stat").read_text().rpartition(") ")
        command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()
    name = head.partition("(")[2]
    return Process(pid, int(fields[19]), int(fields[1]), fields[0], command.strip() or f"[{name}]")


def everyone() -> Iterator[Process]:
    """All processes that are alive."""
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (process := _read(int(entry.name))) is not None and process.state not in "ZX":
            yield process


def descendants(pid: int) -> set[Process]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for process in everyone():
        children.setdefault(process.parent, []).append(process)
    found: set[Process] = set()
    unseen = [pid]
    while unseen:
        below = children.get(unseen.pop(), [])
        found.update(below)
        unseen.extend(process.pid for process in below)
    return found


def marked(marker: str) -> set[Process]:
    """Those whose environment, as it was at their start, holds these words."""
    return {process for process in everyone() if marker.encode() in _environment(process.pid)}


def _environment(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


async def until_running(marker: str, words: str, seconds: float = 20.0) -> Process:
    """The marked process whose command line ends with these words, once it is there."""

    def look() -> Process | None:
        return next((process for process in marked(marker) if process.command.endswith(words)), None)

    found = await eventually(look, seconds, lambda: f"alive: {[process.command for process in marked(marker)]}")
    assert found is not None
    return found


async def until_gone(process: Process, seconds: float) -> None:
    await eventually(lambda: not process.alive, seconds, lambda: f"{process.command!r} is alive")
