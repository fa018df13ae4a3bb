from __future__ import annotations

import os
import socket

import attrs
import pytest
import trio
import trio.testing

from jelmored.control.principal import NetPeer, Peer, Principal, Visitor, peer_of
from jelmored.domain.ids import ConnectionId
from jelmored.domain.prompts import Author
from jelmored.domain.scopes import Scope
from tests.eventually import eventually

from .wire import Wire, reset


async def test_the_kernel_says_who_is_there() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with other:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(one)) as stream:
            assert peer_of(stream) == Peer(os.getpid(), os.getuid())


async def test_of_a_port_both_ends_are_known() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, await trio.testing.open_stream_to_socket_listener(listener) as there:
        here = await listener.accept()
        assert peer_of(here) == NetPeer(there.socket.getsockname(), listener.socket.getsockname())
        reset(Wire(there))
        with pytest.raises(trio.BrokenResourceError):
            await eventually(lambda: peer_of(here) and None, 5)
        await here.aclose()


VISITOR = Visitor(scope=Scope.ADMIN, uid=7, pid=8)


def test_what_the_log_says_of_it() -> None:
    principal = Principal(connection_id=ConnectionId("con_x"), client="editor", visitor=VISITOR)
    assert principal.author == Author(connection_id=ConnectionId("con_x"), client="editor", uid=7)
    by_port = attrs.evolve(principal, visitor=attrs.evolve(VISITOR, token="ci"))
    assert by_port.author == attrs.evolve(principal.author, token="ci")


def test_who_is_confined_is_an_observer_at_most() -> None:
    visitor = attrs.evolve(VISITOR, confined="it is an agent")
    principal = Principal(connection_id=ConnectionId("con_x"), client="editor", visitor=visitor)
    assert principal.scope is Scope.OBSERVER
