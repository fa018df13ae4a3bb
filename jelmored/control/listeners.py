"""The Unix socket: who can reach the daemon at all is decided by the modes of its file and its directory."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import trio

from jelmored.errors import PlaceError

from .server import Connections

BACKLOG = 512


class Listeners:
    """Accepts and hands over. Its end closes no connection.

    Args:
        path: of the socket, as `Places.prepare` has checked it. The daemon's lock is held, so a socket that lies
            there is a dead one.
        connections: already running.
    """

    def __init__(self, path: Path, connections: Connections) -> None:
        self._path = path
        self._connections = connections

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled, then remove the socket.

        Raises:
            PlaceError: something else lies where the socket belongs.
        """
        nursery = self._connections.nursery
        listener = bind(self._path)
        try:
            await trio.serve_listeners(
                self._connections.serve, [listener], handler_nursery=nursery, task_status=task_status
            )
        finally:
            self._path.unlink(missing_ok=True)


def bind(path: Path) -> trio.SocketListener:
    """A socket (0600) in place of a dead one.

    Raises:
        PlaceError: something else lies there.
    """
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
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
    path.unlink()
