"""The line between an editor and the daemon: a socket in the middle that can be cut, as a connection is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

CHUNK = 64 * 1024


@attrs.define
class CutLine:
    """`path`: the socket to connect to instead of the daemon's."""

    path: Path
    daemon: Path
    carried: int = 0
    """How many connections there were."""
    _scopes: set[trio.CancelScope] = attrs.field(factory=set)

    def cut(self) -> None:
        """All connections end now; new ones are welcome."""
        for scope in tuple(self._scopes):
            scope.cancel()

    async def carry(self, editor: trio.SocketStream) -> None:
        self.carried += 1
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            async with await trio.open_unix_socket(str(self.daemon)) as daemon, trio.open_nursery() as nursery:
                nursery.start_soon(_pump, editor, daemon, nursery.cancel_scope)
                nursery.start_soon(_pump, daemon, editor, nursery.cancel_scope)
        self._scopes.discard(scope)
        await trio.aclose_forcefully(editor)


async def _pump(source: trio.SocketStream, target: trio.SocketStream, over: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(CHUNK):
            await target.send_all(data)
    except trio.BrokenResourceError:
        pass
    over.cancel()


@asynccontextmanager
async def cut_line(directory: Path, daemon: Path) -> AsyncIterator[CutLine]:
    """For as long as the body runs."""
    line = CutLine(directory / "line.sock", daemon)
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(line.path))
    listening.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, line.carry, [trio.SocketListener(listening)])
        yield line
        nursery.cancel_scope.cancel()
