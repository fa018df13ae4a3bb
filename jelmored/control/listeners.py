"""The ways in: each a listener, and the guard of its door. Nothing but a Unix socket or loopback is ever bound."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
import trio

from jelmored.errors import PlaceError

from .gate import Guard
from .server import Connections

BACKLOG = 4096  # as many as the kernel takes: past it a client of a Unix socket gets EAGAIN, and no second chance


class Place(Protocol):
    """Where clients come to."""

    def bound(self) -> AbstractContextManager[trio.SocketListener]:
        """Listening; afterwards nothing of it is left."""


@attrs.frozen
class Way:
    """A way in."""

    place: Place
    guard: Guard


class Listeners:
    """Accepts and hands over. Its end closes no connection.

    Args:
        ways: by which clients come.
        connections: already running.
    """

    def __init__(self, ways: Sequence[Way], connections: Connections) -> None:
        self._ways = tuple(ways)
        self._connections = connections

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled, then give the places free. Started when all of them listen.

        Raises:
            PlaceError: one can't be had.
        """
        handlers = self._connections.nursery
        with ExitStack() as stack:
            bound = [(stack.enter_context(way.place.bound()), way.guard) for way in self._ways]
            async with trio.open_nursery() as nursery:
                for listener, guard in bound:
                    serve = partial(self._connections.serve, guard=guard)
                    await nursery.start(partial(trio.serve_listeners, serve, [listener], handler_nursery=handlers))
                task_status.started()


@attrs.frozen
class UnixSocket:
    """Who can reach the daemon here at all is decided by the modes of the file and of its directory.

    Args:
        path: of the socket, as `Places.prepare` has checked it. The daemon's lock is held, so a socket that lies
            there is a dead one.
        mode: of its file.
    """

    path: Path
    mode: int = 0o600

    @contextmanager
    def bound(self) -> Iterator[trio.SocketListener]:
        """Raises `PlaceError` if something else lies there, or somebody else listens."""
        listener = bind(self.path, self.mode)
        try:
            yield listener
        finally:
            listener.socket.close()
            self.path.unlink(missing_ok=True)


@attrs.frozen
class HandedSocket:
    """A Unix socket that somebody has made for us and keeps: whoever comes while we begin anew, or end, waits in it.

    Args:
        socket: listens already.
    """

    socket: socket.socket

    @property
    def path(self) -> Path:
        return Path(self.socket.getsockname())

    @contextmanager
    def bound(self) -> Iterator[trio.SocketListener]:
        """A copy of it."""
        with _copy(self.socket) as listener:
            yield listener


@attrs.frozen
class HandedPort:
    """A port on loopback that somebody has made for us and keeps.

    Args:
        socket: listens already.
    """

    socket: socket.socket

    @property
    def url(self) -> str:
        """For clients."""
        host, port = self.socket.getsockname()[:2]
        return url_of(host, port)

    @contextmanager
    def bound(self) -> Iterator[trio.SocketListener]:
        """A copy of it."""
        with _copy(self.socket) as listener:
            yield listener


class LoopbackPort:
    """A port that only this machine can reach.

    Args:
        host: an address of loopback.
        port: 0: any that is free; the same one whenever it listens again.

    Raises:
        ValueError: of any other address.
    """

    def __init__(self, host: str, port: int) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{host} is not loopback")
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        """For clients, once it listens."""
        return url_of(self.host, self.port)

    @contextmanager
    def bound(self) -> Iterator[trio.SocketListener]:
        """Raises `PlaceError` if somebody else has it."""
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as listener:
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((self.host, self.port))
                listener.listen(BACKLOG)
            except OSError as error:
                where = f"{self.host} port {self.port}"
                raise PlaceError(f"{where} can't be had: {error.strerror}: choose another in control.tcp") from error
            self.port = listener.getsockname()[1]
            yield trio.SocketListener(trio.socket.from_stdlib_socket(listener))


def url_of(host: str, port: int) -> str:
    """Of a port, without a path."""
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


@contextmanager
def _copy(handed: socket.socket) -> Iterator[trio.SocketListener]:
    with handed.dup() as copy:
        yield trio.SocketListener(trio.socket.from_stdlib_socket(copy))


def bind(path: Path, mode: int = 0o600) -> trio.SocketListener:
    """A socket in place of a dead one.

    Raises:
        PlaceError: something else lies there, or a socket at which somebody listens.
    """
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(os.fspath(path))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return trio.SocketListener(trio.socket.from_stdlib_socket(listener))


def _remove_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise PlaceError(f"{path} is not a socket, and in the way of ours: move it, or give another --runtime-dir")
    if _is_heard(path):
        raise PlaceError(
            f"{path} is a socket at which somebody listens, though no daemon runs: a service manager. Let it start "
            "the daemon (`systemctl [--user] start jelmored`), or end that (`systemctl [--user] stop jelmored.socket`)"
        )
    path.unlink()


def _is_heard(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        try:
            caller.connect(os.fspath(path))
        except BlockingIOError:  # there is a queue before it
            return True
        except OSError:
            return False
    return True
