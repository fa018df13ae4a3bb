"""The control socket as a daemon runs it, over the fakes, for as long as a test's body runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from jelmored.actors.running import STOP_DEADLINE, running
from jelmored.control.dialogue import routes
from jelmored.control.listeners import Listeners
from jelmored.control.server import Connections
from jelmored.domain.scopes import Scope
from jelmored.journal.memory import MemoryJournal

from .fakes import FakeDirectory, Shutdowns, services


@attrs.frozen
class Stage:
    socket: Path
    directory: FakeDirectory
    connections: Connections
    shutdowns: Shutdowns


@asynccontextmanager
async def staged(
    *,
    allowed_origins: Collection[str] = (),
    scope: Scope = Scope.ADMIN,
    user: int | None = None,
    deadline: float = STOP_DEADLINE,
) -> AsyncIterator[Stage]:
    """Started and stopped in the daemon's order: journal, sessions, connections, listeners.

    Args:
        deadline: seconds that the stop of the connections may take.
    """
    directory, shutdowns = FakeDirectory(MemoryJournal()), Shutdowns()
    users = {os.getuid() if user is None else user: scope}
    connections = Connections(routes(services(directory, shutdowns)), allowed_origins=allowed_origins, users=users)
    with tempfile.TemporaryDirectory() as runtime:
        socket = Path(runtime, "control.sock")
        listeners = Listeners(socket, connections)
        async with running(directory.journal.run), running(directory.hub.run):
            async with running(connections.run, deadline=deadline), running(listeners.run):
                yield Stage(socket, directory, connections, shutdowns)
            assert connections.count == 0
