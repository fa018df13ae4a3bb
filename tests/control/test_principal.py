from __future__ import annotations

import os
import socket

import trio

from jelmored.control.principal import Peer, Principal, peer_of
from jelmored.domain.ids import ConnectionId
from jelmored.domain.prompts import Author
from jelmored.domain.scopes import Scope


async def test_the_kernel_says_who_is_there() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with other:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(one)) as stream:
            assert peer_of(stream) == Peer(os.getpid(), os.getuid())


def test_what_the_log_says_of_it() -> None:
    principal = Principal(connection_id=ConnectionId("con_x"), client="editor", uid=7, pid=8, scope=Scope.ADMIN)
    assert principal.author == Author(connection_id=ConnectionId("con_x"), client="editor", uid=7)
