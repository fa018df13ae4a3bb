"""`connect`: a line on stdin is a frame to the daemon, its frames are lines on stdout; for those without WebSocket."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import attrs
import orjson
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from jelmored.client.dialling import MAX_MESSAGE, dialled
from jelmored.client.errors import Disconnected, NoDaemon
from jelmored.client.exits import Exit
from jelmored.client.finding import Finder
from jelmored.client.groups import alone
from jelmored.client.shell import Shell
from jelmored.wire.lines import LineSplitter

LAST_REPLIES_SECONDS = 10.0
CHUNK = 64 * 1024


async def connect(shell: Shell) -> Exit:
    """Until stdin ends, and every request on it has its reply."""
    finder = Finder.of(shell.environ, spawn=shell.spawn)
    await finder.prepare()
    try:
        with alone():
            async with dialled(finder.find()) as socket:
                await Pump(socket, shell).run()
    except OSError as error:
        raise NoDaemon(f"the daemon can't be reached: {error}") from None
    return Exit.OK


@attrs.define
class Pump:
    """Both directions, and how many replies are owed."""

    socket: WebSocketConnection
    shell: Shell
    _owed: set[object] = attrs.field(factory=set)
    _paid: trio.Event = attrs.field(factory=trio.Event)

    async def run(self) -> None:
        """Until stdin has ended and its last requests are answered, but not long.

        Raises:
            Disconnected: the daemon ended it.
        """
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive)
                with suppress(ConnectionClosed):  # the receiving side knows why
                    await self._send()
                with trio.move_on_after(LAST_REPLIES_SECONDS):
                    while self._owed:
                        await self._paid.wait()
                nursery.cancel_scope.cancel()

    async def _send(self) -> None:
        async with aclosing(_lines(self.shell.stdin.fileno())) as lines:
            async for line in lines:
                if line.strip():
                    self._owes(line)
                    await self.socket.send_message(line.decode(errors="replace"))

    async def _receive(self) -> None:
        while True:
            try:
                frame = await self.socket.get_message()
            except ConnectionClosed as closed:
                raise Disconnected(f"the daemon closed the connection: {closed.reason}") from None
            if isinstance(frame, str):
                await trio.to_thread.run_sync(self._print, frame, abandon_on_cancel=True)
                self._pays(frame)

    def _print(self, frame: str) -> None:
        """In a thread: whoever reads our lines may be slow, and the daemon's pings are to be answered meanwhile."""
        self.shell.out.write(frame.replace("\n", " ") + "\n")
        self.shell.out.flush()

    def _owes(self, line: bytes) -> None:
        key = _key(line)
        if key is not None:
            self._owed.add(key)

    def _pays(self, frame: str) -> None:
        self._owed.discard(_key(frame))
        self._paid.set()
        self._paid = trio.Event()


def _key(message: bytes | str) -> object:
    """The id of a request or a reply; None for what has none."""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    key = value.get("id") if isinstance(value, dict) else None
    return key if isinstance(key, str | int) else None


async def _lines(fd: int) -> AsyncGenerator[bytes, None]:
    """Lines of stdin, whatever it is: a pipe, a terminal, a file. A thread reads, for files can't be waited for."""
    splitter = LineSplitter(limit=MAX_MESSAGE)
    while chunk := await trio.to_thread.run_sync(os.read, fd, CHUNK, abandon_on_cancel=True):
        for line in splitter.feed(chunk):
            yield line
    for line in splitter.finish():
        yield line
