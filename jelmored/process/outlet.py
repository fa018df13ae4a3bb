"""A pipe out of a child. All that stands in it is read, but it is not waited for once the child is gone: another
process may hold its other end for ever."""

from __future__ import annotations

import os

import trio

CHUNK = 64 * 1024  # smaller reads halve the rate for lines of 1 KB
MAX_PIPE = 1024 * 1024  # the most that a pipe holds


class Outlet:
    """For one reader.

    Args:
        stream: the reading end.
    """

    def __init__(self, stream: trio.lowlevel.FdStream) -> None:
        self._stream = stream
        self._rest = b""
        self._awaited = False
        self._ended = trio.Event()

    async def read(self) -> bytes:
        """The next chunk, or nothing at the end."""
        if not self._ended.is_set():
            self._awaited = True
            try:
                if chunk := await self._stream.receive_some(CHUNK):
                    return chunk
            except trio.ClosedResourceError:  # by `close`, which took the rest
                pass
            finally:
                self._awaited = False
        self.close()
        rest, self._rest = self._rest, b""
        return rest

    async def settle(self) -> None:
        """Until the one who waits for more has heard that there is no more. A reader who is busy is not waited for."""
        if self._awaited:
            await self._ended.wait()

    def close(self) -> None:
        """Take what stands in the pipe, for the reader, and let go of it."""
        if self._ended.is_set():
            return
        self._rest = self._drain()
        self._stream.close()
        self._ended.set()

    def _drain(self) -> bytes:
        try:
            return os.read(self._stream.fileno(), MAX_PIPE)
        except BlockingIOError:
            return b""
