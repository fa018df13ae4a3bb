"""Disks that can be filled: a small file system of its own, or a limit on the size of the daemon's files."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

MEGABYTE = 1024 * 1024


@attrs.frozen
class SmallDisk:
    """A file system of so many bytes, in memory, at `path`. Needs the right to mount."""

    path: Path

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    def fill(self) -> None:
        """Take all the room that there is; not what somebody gives up because of that."""
        room = os.statvfs(self.path)
        left = room.f_bavail * room.f_frsize
        with open(self._filler, "ab") as file:
            for size in (MEGABYTE, 4096):
                with suppress(OSError):
                    while left > 0:
                        left -= os.write(file.fileno(), b"x" * min(size, left))

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink()

    def read_only(self) -> None:
        """For good. Nothing may be open on it."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)


def can_mount() -> bool:
    """May this user mount? In a container mostly not."""
    try:
        with tempfile.TemporaryDirectory() as made, small_disk(Path(made) / "disk", MEGABYTE):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[SmallDisk]:
    at.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "jelmore-test", str(at)],
        check=True,
        capture_output=True,
    )
    try:
        yield SmallDisk(at)
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@attrs.frozen
class LimitedFiles:
    """No file of a process grows past its journal's size: what a full disk is to who has no right to mount. The
    reserve is of no use here, so what is in hand waits as well."""

    pid: int
    journal: Path

    def fill(self) -> None:
        self._limit(max(64 * 1024, self.journal.with_name("journal.db-wal").stat().st_size))

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))
