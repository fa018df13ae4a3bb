"""A service manager's ear: the socket that NOTIFY_SOCKET leads to, and what was said into it."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import trio

from tests.watch import PATIENCE


@attrs.define
class Ear:
    """Args:
    address: as NOTIFY_SOCKET has it.
    heard: every datagram so far, a list of its lines.
    """

    address: str
    _socket: socket.socket
    heard: list[list[str]] = attrs.field(factory=list)

    def listen(self) -> list[list[str]]:
        """All that was said up to now."""
        try:
            while said := self._socket.recv(4096):
                self.heard.append(said.decode().split("\n"))
        except BlockingIOError:
            pass
        return self.heard

    def count(self, word: str) -> int:
        return sum(word in said for said in self.listen())

    def last(self, name: str) -> str | None:
        """The latest value of a variable."""
        values = [line.partition("=")[2] for said in self.listen() for line in said if line.startswith(f"{name}=")]
        return values[-1] if values else None

    async def until(self, seen: Callable[[], bool]) -> None:
        with trio.move_on_after(PATIENCE):
            while not seen():
                await trio.lowlevel.wait_readable(self._socket)
                self.listen()
            return
        raise AssertionError(f"heard: {self.heard}")

    async def hears(self, word: str, times: int = 1) -> None:
        """Wait for a line."""
        await self.until(lambda: self.count(word) >= times)


@contextmanager
def listening(path: Path | None = None) -> Iterator[Ear]:
    """At a path, or else at an abstract name."""
    address = str(path) if path else f"@jelmored-test-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address.replace("@", "\0", 1) if path is None else address)
        bound.setblocking(False)
        yield Ear(address, bound)
