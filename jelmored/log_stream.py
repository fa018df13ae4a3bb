"""Where the lines of the log go, whatever becomes of it: a disk that is full, a terminal that closes, a reader that is
gone or stands still. None of it ends the daemon or holds it up: what can't be written is lost, and counted.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from collections.abc import Callable
from typing import TextIO

import attrs

PATIENCE = 0.05
"""Seconds that a line may wait for its reader. Once one was lost, the next ones wait no more."""
Way = Callable[[bytes], int]
"""Writes as much as goes at once, and returns how much it was; raises BlockingIOError if nothing does."""


@attrs.define(eq=False)
class LogStream:
    """Each line is written whole and in its order, or is lost. Any thread may write.

    Args:
        way: to the file.
        wait: until more goes, so many seconds at most.
        resumed: told how many lines were lost, and why, once they are written again.
    """

    way: Way
    wait: Callable[[float], object]
    resumed: Callable[[int, str], object] = lambda number, why: None
    lost: int = attrs.field(default=0, init=False)
    """Lines, since it began."""
    why: str | None = attrs.field(default=None, init=False)
    """The last line was lost; None: it was not."""
    _missing: int = attrs.field(default=0, init=False)
    _rest: bytes = attrs.field(default=b"", init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def of(cls, stream: TextIO, resumed: Callable[[int, str], object]) -> LogStream:
        """By a way that never waits, and that changes nothing for others who have the same file open."""
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # no file of the system's
            return cls(_through(stream), lambda _: None, resumed)
        return cls(_way_to(descriptor), lambda seconds: _takes_some(descriptor, seconds), resumed)

    def write(self, line: bytes) -> None:
        """A line, with its end."""
        with self._lock:
            before, self.why = self.why, self._failure(line, time.monotonic() + (0 if self._missing else PATIENCE))
            if self.why is not None:
                self.lost += 1
                self._missing += 1
                return
            missing, self._missing = self._missing, 0
        if missing:
            self.resumed(missing, before or "")

    def _failure(self, line: bytes, until: float) -> str | None:
        """Why the line is lost; None: it is not, and what could not be written of it now is written before the next."""
        begun = False
        try:
            self._drain(until)
            begun, self._rest = True, line
            self._drain(until)
        except OSError as error:
            if begun and len(self._rest) < len(line):
                return None
            if begun:
                self._rest = b""
            return error.strerror or str(error)
        return None

    def _drain(self, until: float) -> None:
        while self._rest:
            try:
                written = self.way(self._rest)
            except BlockingIOError:
                if (left := until - time.monotonic()) <= 0:
                    raise
                self.wait(left)
                written = 0
            self._rest = self._rest[written:]


def _through(stream: TextIO) -> Way:
    def way(data: bytes) -> int:
        stream.write(data.decode(errors="replace"))
        stream.flush()
        return len(data)

    return way


def _way_to(descriptor: int) -> Way:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode) and not os.isatty(descriptor):
        return lambda data: os.write(descriptor, data)
    try:  # whether we wait is a matter of what was opened, which others have too: so it is opened again
        own = os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it is a socket, as systemd's journal has it; or another user's, or nobody reads it
        return lambda data: _written_with_care(descriptor, data)
    return lambda data: os.write(own, data)


def _written_with_care(descriptor: int, data: bytes) -> int:
    if not _takes_some(descriptor, 0):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return os.write(descriptor, data[: select.PIPE_BUF])


def _takes_some(descriptor: int, seconds: float) -> bool:
    """Within so many seconds; also if what it takes is an error."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))
