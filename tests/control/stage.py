"""The control socket as a daemon runs it, over the fakes, for as long as a test's body runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs

from jelmored.actors.running import STOP_DEADLINE, running
from jelmored.control.dialogue import routes
from jelmored.control.guards import ByToken, ByUser
from jelmored.control.keyring import Keyring
from jelmored.control.listeners import Listeners, LoopbackPort, UnixSocket, Way
from jelmored.control.server import Connections
from jelmored.control.tokens import TokenFiles
from jelmored.domain.scopes import Scope
from jelmored.journal.memory import MemoryJournal

from .fakes import FakeDirectory, Shutdowns, services


@attrs.frozen
class Stage:
    socket: Path
    directory: FakeDirectory
    connections: Connections
    shutdowns: Shutdowns
    tokens: TokenFiles
    port: LoopbackPort | None = None

    @property
    def token(self) -> str:
        """The one for everything that is made by itself."""
        return self.tokens.path("admin").read_text().strip()


@asynccontextmanager
async def staged(
    *,
    allowed_origins: Collection[str] = (),
    scope: Scope = Scope.ADMIN,
    user: int | None = None,
    deadline: float = STOP_DEADLINE,
    host: str = "",
) -> AsyncIterator[Stage]:
    """Started and stopped in the daemon's order: journal, sessions, connections, listeners.

    Args:
        host: of a port beside the socket, if there is to be one.
        deadline: seconds that the stop of the connections may take.
    """
    directory, shutdowns = FakeDirectory(MemoryJournal()), Shutdowns()
    users = {os.getuid() if user is None else user: scope}
    connections = Connections(routes(services(directory, shutdowns)), allowed_origins=allowed_origins)
    with tempfile.TemporaryDirectory() as runtime:
        socket, tokens = Path(runtime, "control.sock"), TokenFiles(Path(runtime, "tokens"))
        ways = [Way(UnixSocket(socket), ByUser(users))]
        async with AsyncExitStack() as stack:
            for service in (directory.journal.run, directory.hub.run):
                await stack.enter_async_context(running(service))
            async with running(connections.run, deadline=deadline), AsyncExitStack() as doors:
                port = None
                if host:
                    port, keyring = LoopbackPort(host, 0), Keyring(tokens, connections.expel)
                    ways.append(Way(port, ByToken(keyring)))
                    await doors.enter_async_context(running(keyring.run))
                await doors.enter_async_context(running(Listeners(ways, connections).run))
                yield Stage(socket, directory, connections, shutdowns, tokens, port)
            assert connections.count == 0
