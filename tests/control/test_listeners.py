from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from jelmored.actors.running import running
from jelmored.control.guards import ByUser
from jelmored.control.listeners import HandedSocket, Listeners, LoopbackPort, UnixSocket, Way, bind
from jelmored.control.server import Connections
from jelmored.domain.scopes import Scope
from jelmored.errors import PlaceError

from .stage import staged
from .wire import dial, head


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short path: pytest's own are too long for a socket."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def ways(path: Path) -> list[Way]:
    return [Way(UnixSocket(path), ByUser({os.getuid(): Scope.ADMIN}))]


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
        async with running(Listeners(ways(path), connections).run):
            early = await dial(path)
        with pytest.raises(OSError, match=r"No such file|refused"):
            await dial(path)
        async with early:
            await early.send(head("/gone"))
            assert (await early.head())[0] == 404


async def test_without_connections_nobody_listens(runtime: Path) -> None:
    with pytest.raises(RuntimeError, match="has not started"):
        async with running(Listeners(ways(runtime / "control.sock"), Connections({})).run):
            await trio.sleep_forever()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1", "example.org", ""])
def test_nothing_but_loopback_is_bound(host: str) -> None:
    with pytest.raises(ValueError, match=host or "does not appear"):
        LoopbackPort(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_port_is_the_same_whenever_it_listens(host: str) -> None:
    port = LoopbackPort(host, 0)
    urls = []
    for _ in range(3):
        with port.bound() as listener, socket.create_connection((host, port.port)):
            assert listener.socket.getsockname()[:2] == (host, port.port)
            urls.append(port.url)
    assert port.port
    assert urls == [f"ws://{f'[{host}]' if ':' in host else host}:{port.port}"] * 3


async def test_a_port_that_somebody_has_is_told() -> None:
    with LoopbackPort("127.0.0.1", 0).bound() as listener:
        taken = LoopbackPort("127.0.0.1", listener.socket.getsockname()[1])
        with pytest.raises(PlaceError, match=r"can't be had: Address already in use: choose another"), taken.bound():
            pass


async def test_a_socket_that_was_handed_to_us_outlives_us(runtime: Path) -> None:
    path = runtime / "given.sock"
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        given.listen()
        place = HandedSocket(given)
        assert place.path == path
        for _ in range(2):
            with place.bound() as listener:
                async with await dial(path), await listener.accept():
                    pass
            async with await dial(path):  # it waits for who comes next
                pass
        assert path.exists()


async def test_a_socket_at_which_somebody_listens_is_not_replaced(runtime: Path) -> None:
    path = runtime / "control.sock"
    with socket.socket(socket.AF_UNIX) as manager:
        manager.bind(str(path))
        manager.listen(1)
        for _ in range(4):  # the last ones find no room to wait in
            with pytest.raises(PlaceError, match=r"service manager.*systemctl"):
                bind(path)
    assert path.exists()
