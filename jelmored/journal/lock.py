"""One daemon per state directory. The kernel's lock is the proof; the pid in the file is for the message."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jelmored.errors import ErrorKind, JournalError

LOCK_FILE = "lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Own a state directory for the length of the block. However this process ends, the lock ends with it.

    Raises:
        JournalError: another process owns it, or its file system has no locks.
        OSError: the lock file can't be made.
    """
    with open(directory / LOCK_FILE, "r+", opener=_private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(32).strip() or "unknown"
            message = f"{directory} is in use by pid {holder}: stop that daemon, or choose another state directory"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message) from None
        except OSError as error:  # a network's file system
            message = f"no lock is to be had ({error.strerror}) in {directory}: use a state directory on a local disk"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message) from error
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)
