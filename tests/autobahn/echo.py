"""What reads frames in the daemon, with an echo behind it: listener, gate, stream, connection are what they are. Only
who speaks is another one, and binary messages, which the daemon ignores, come back too."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from jelmored.actors.running import running
from jelmored.control import server
from jelmored.control.connection import Connection, Speaker
from jelmored.control.gate import Refusal
from jelmored.control.head import Head
from jelmored.control.listeners import Listeners, LoopbackPort, Way
from jelmored.control.principal import NetPeer, Peer, Visitor
from jelmored.control.server import Connections, Route
from jelmored.domain.scopes import Scope

PATH = "/"


class Echo:
    """Says what it hears."""

    def __init__(self, connection: Connection) -> None:
        self._said: deque[bytes] = deque()
        self._more = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    async def hear(self, frame: str) -> None:
        self._said.append(frame.encode())
        self._more.set()
        await trio.lowlevel.checkpoint()

    async def take(self) -> Sequence[bytes]:
        while not self._said:
            self._more = trio.Event()
            await self._more.wait()
        return self.finish()

    def finish(self) -> Sequence[bytes]:
        said, self._said = tuple(self._said), deque()
        return said


class Both(Connection):
    """Echoes the binary kind as well."""

    async def _heard(self, speaker: Speaker, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            await self._ws.send_message(frame)
        else:
            await super()._heard(speaker, frame)


class Anybody:
    """The guard of a door at which nothing is to be had."""

    def misdirected(self, head: Head, peer: Peer | NetPeer) -> Refusal | None:
        return None

    async def recognise(self, head: Head, peer: Peer | NetPeer) -> Visitor | Refusal:
        return Visitor(scope=Scope.OBSERVER, uid=None)


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """The URL of a server that runs as long as the body. To be had in a process of its own: it changes the daemon's
    code."""
    setattr(server, "Connection", Both)  # noqa: B010  it is no name for others
    connections = Connections({PATH: Route("echo", Echo)})
    port = LoopbackPort("127.0.0.1", 0)
    async with running(connections.run), running(Listeners([Way(port, Anybody())], connections).run):
        yield f"{port.url}{PATH}"
