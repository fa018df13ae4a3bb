"""Who is at the other end of a connection, and what it may do."""

from __future__ import annotations

import socket
import struct

import attrs
import trio

from jelmored.domain.ids import ConnectionId
from jelmored.domain.prompts import Author
from jelmored.domain.scopes import Scope

_CREDENTIALS = struct.Struct("3i")


@attrs.frozen
class Peer:
    """A process as the kernel knows it. `pid` is the one that connected; it may have handed the socket on."""

    pid: int
    uid: int


def peer_of(stream: trio.SocketStream) -> Peer:
    """The process behind a Unix socket."""
    pid, uid, _ = _CREDENTIALS.unpack(
        stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Peer(pid, uid)


@attrs.frozen(kw_only=True)
class Principal:
    """`client` is what the client calls itself; it proves nothing."""

    connection_id: ConnectionId
    client: str
    uid: int
    pid: int
    scope: Scope

    @property
    def author(self) -> Author:
        return Author(connection_id=self.connection_id, client=self.client, uid=self.uid)
