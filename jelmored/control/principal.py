"""Who is at the other end of a connection, and what it may do."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import sys

import attrs
import trio

from jelmored.domain.ids import ConnectionId
from jelmored.domain.prompts import Author
from jelmored.domain.scopes import Scope

_CREDENTIALS = struct.Struct("3i")
_SO_PEERPIDFD = 77  # Linux 6.5; Python has no name for it yet


@attrs.frozen
class Peer:
    """A process as the kernel knows it. `pid` is the one that connected; it may have handed the socket on. `gone`: it
    has ended meanwhile, so that its number may be another's."""

    pid: int
    uid: int
    gone: bool = False


@attrs.frozen
class NetPeer:
    """Two ends on loopback, each a host and a port: theirs, and the one of ours that they have reached."""

    theirs: tuple[str, int]
    ours: tuple[str, int]


def peer_of(stream: trio.SocketStream) -> Peer | NetPeer:
    """Who is behind an accepted socket.

    Raises:
        trio.BrokenResourceError: it has left.
    """
    raw = stream.socket
    if raw.family != socket.AF_UNIX:
        try:
            return NetPeer(raw.getpeername()[:2], raw.getsockname()[:2])
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
    pid, uid, _ = _CREDENTIALS.unpack(raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return Peer(pid, uid, _has_ended(raw))


def _has_ended(raw: trio.socket.SocketType) -> bool:
    """False where the kernel can't tell."""
    try:
        answer = raw.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, struct.calcsize("i"))
    except OSError as error:
        return error.errno != errno.ENOPROTOOPT
    descriptor = int.from_bytes(answer, sys.byteorder)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(descriptor)


@attrs.frozen(kw_only=True)
class Visitor:
    """Who comes in, as far as its door can tell.

    Args:
        scope: what it may do.
        uid: of the user whose process it is; None where it can't be told.
        pid: the same of the process.
        token: the name of the one that it has shown.
        key: what tells that token from any other of this name.
        confined: why it may do no more than our own agents' processes may; empty if it may.
    """

    scope: Scope
    uid: int | None
    pid: int | None = None
    token: str | None = None
    key: bytes | None = attrs.field(default=None, repr=False)
    confined: str = ""


@attrs.frozen(kw_only=True)
class Principal:
    """`client` is what the client calls itself; it proves nothing."""

    connection_id: ConnectionId
    client: str
    visitor: Visitor

    @property
    def scope(self) -> Scope:
        return Scope.OBSERVER if self.visitor.confined else self.visitor.scope

    @property
    def author(self) -> Author:
        who = self.visitor
        return Author(connection_id=self.connection_id, client=self.client, uid=who.uid, token=who.token)
