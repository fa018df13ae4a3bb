"""The file that tells of one life of the daemon: its instance, and each warden and agent by pid and start time.

Text, a fact a line. It is not synced: when the system falls, all processes fall with it. A file that is cut or empty
still tells the instance, by its name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import structlog

from jelmored.domain.ids import InstanceId
from jelmored.process import procfs
from jelmored.process.procfs import Process
from jelmored.process.sweep import Former

FRESH = ".new"
SPENT_LINES = 256  # then the file is written anew, without those that are gone

log = structlog.get_logger(__name__)

_open: Ledger | None = None


def note(pid: int) -> None:
    """Write down a process of ours: a warden before it is told what to start, an agent as soon as it runs."""
    if _open is not None:
        _open.note(pid)


@contextlib.contextmanager
def written(home: Path, instance_id: InstanceId) -> Iterator[None]:
    """Meanwhile `note` writes to the file of this life."""
    global _open  # children belong to a process, and so does what is written of them
    _open = Ledger(home / instance_id)
    _open.begin()
    try:
        yield
    finally:
        _open.end()
        _open = None


def former(home: Path) -> dict[Path, Former | None]:
    """The lives that have left a file. None: it was before the system's last start, and nothing of it is alive."""
    try:
        files = [file for file in home.iterdir() if file.suffix != FRESH]
    except OSError:
        return {}
    return {file: _read(file) for file in files}


@attrs.define(eq=False)
class Ledger:
    """The file of this life. That it can't be written is logged, and no more: the name alone tells nearly as much.

    Args:
        path: its name is the instance.
    """

    path: Path
    _held: set[Process] = attrs.field(factory=set, init=False)
    _spent: int = attrs.field(default=0, init=False)
    _well: bool = attrs.field(default=True, init=False)

    def begin(self) -> None:
        self._attempt(self._write)

    def note(self, pid: int) -> None:
        process = Process.of(pid)
        if process is None:
            return
        self._held.add(process)
        self._spent += 1
        self._attempt(self._write if self._spent > SPENT_LINES else lambda: self._append(process))

    def end(self) -> None:
        """Without anybody left the file has nothing to tell. Else it is the next life's."""
        if not any(process.is_alive for process in self._held):
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _write(self) -> None:
        """Whole, or not at all."""
        self._held = {process for process in self._held if process.is_alive}
        self._spent = 0
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        us = Process.of(os.getpid())
        lines = [f"boot {procfs.boot_id()}", *([_line("daemon", us)] if us else [])]
        lines += [_line("holds", process) for process in self._held]
        fresh = self.path.with_suffix(FRESH)
        fresh.unlink(missing_ok=True)
        with open(fresh, "x", encoding="ascii", opener=_private) as file:
            file.write("".join(f"{line}\n" for line in lines))
        fresh.replace(self.path)

    def _append(self, process: Process) -> None:
        with open(self.path, "a", encoding="ascii", opener=_private) as file:
            file.write(_line("holds", process) + "\n")

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            if self._well:
                log.warning("what is started can't be written down", file=str(self.path), why=error.strerror)
            self._well = False
        else:
            self._well = True


def _line(what: str, process: Process) -> str:
    return f"{what} {process.pid} {process.started}"


def _read(file: Path) -> Former | None:
    daemon: Process | None = None
    held: set[Process] = set()
    for line in _lines(file):
        match line.split():
            case ["boot", boot] if boot != procfs.boot_id():
                return None
            case ["daemon", pid, started] if (pid + started).isdecimal():
                daemon = Process(int(pid), int(started))
            case ["holds", pid, started] if (pid + started).isdecimal():
                held.add(Process(int(pid), int(started)))
    return Former(InstanceId(file.name), daemon, frozenset(held))


def _lines(file: Path) -> list[str]:
    """A last line without its end was cut."""
    try:
        return file.read_text("ascii", errors="replace").split("\n")[:-1]
    except OSError:
        return []


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)
