from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from jelmored.actors.running import running
from jelmored.control.listeners import Listeners, bind
from jelmored.control.server import Connections
from jelmored.errors import PlaceError

from .stage import staged
from .wire import dial, head


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short path: pytest's own are too long for a socket."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


async def test_the_socket_is_ours_alone_and_goes_with_the_listener() -> None:
    async with staged() as stage:
        assert stat.S_IMODE(stage.socket.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(stage.socket.stat().st_mode)
        path = stage.socket
    assert not path.exists()


async def test_a_dead_socket_is_replaced(runtime: Path) -> None:
    path = runtime / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = bind(path)
    async with listener, await dial(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_something_else_is_left_alone(runtime: Path) -> None:
    path = runtime / "control.sock"
    path.write_text("precious")
    with pytest.raises(PlaceError, match="not a socket"):
        bind(path)
    assert path.read_text() == "precious"


async def test_listeners_stop_before_connections(runtime: Path) -> None:
    path = runtime / "control.sock"
    connections = Connections({})
    async with running(connections.run):
        async with running(Listeners(path, connections).run):
            early = await dial(path)
        with pytest.raises(OSError, match=r"No such file|refused"):
            await dial(path)
        async with early:
            await early.send(head("/gone"))
            assert (await early.head())[0] == 404


async def test_without_connections_nobody_listens(runtime: Path) -> None:
    with pytest.raises(RuntimeError, match="has not started"):
        async with running(Listeners(runtime / "control.sock", Connections({})).run):
            await trio.sleep_forever()
