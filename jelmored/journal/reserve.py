"""Room on the disk that is kept for the day when there is none: given up, it lets what is in hand be written, and what
ends a turn or a session. That it can be had again is the proof that there is room."""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 16 * 1024 * 1024
CHUNK = 1024 * 1024


class Reserve:
    """A file that holds nothing.

    Args:
        path: where; beside the journal, so that its room is the journal's.
        size: bytes.
    """

    def __init__(self, path: Path, size: int = BYTES) -> None:
        self._path = path
        self.size = size

    def keep(self) -> None:
        """Have it, if it is not there.

        Raises:
            OSError: there is no room for it, and nothing of it is left; or it can't be made at all.
        """
        try:
            if self._path.stat().st_size == self.size:
                return
        except FileNotFoundError:
            pass
        try:
            self._make()
        except OSError:
            self._path.unlink(missing_ok=True)
            raise

    def _make(self) -> None:
        with open(self._path, "wb", opener=_private) as file:
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(file.fileno(), 0, self.size)
            else:
                for _ in range(0, self.size, CHUNK):
                    file.write(bytes(CHUNK))
            file.flush()
            os.fsync(file.fileno())

    def give_up(self) -> bool:
        """Free its room. False if there was none, or the disk does not let go of it."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
