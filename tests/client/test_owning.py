"""No token is shown to a port of another user."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from jelmored import sockets
from jelmored.client import owning
from jelmored.client.addresses import TcpAddress, named
from jelmored.client.dialling import dialled
from jelmored.client.errors import NoDaemon, Stranger
from jelmored.client.glimpse import glimpse
from jelmored.client.owning import check

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a port is")
NOBODY = 65534


@contextmanager
def listening_as(uid: int, host: str = "127.0.0.1") -> Iterator[tuple[int, int]]:
    """A port of another process that notes what it hears: its number, and what is to be read in the end."""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    port = listener.getsockname()[1]
    if uid != os.getuid():  # a socket is of whoever has made it
        listener.close()
    ours, theirs = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            if uid != os.getuid():
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                listener = socket.create_server((host, port), family=listener.family)
            os.write(told, b".")
            stream, _ = listener.accept()
            stream.settimeout(5)
            while heard := stream.recv(4096):
                os.write(theirs, heard)
        finally:
            os._exit(0)
    listener.close()
    os.close(theirs)
    os.read(ready, 1)
    try:
        yield port, ours
    finally:
        os.waitpid(child, 0)
        for end in (ours, ready, told):
            os.close(end)


as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")


@as_root
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
async def test_a_port_of_another_user_gets_no_byte(host: str) -> None:
    with listening_as(NOBODY, host) as (port, heard):
        with pytest.raises(Stranger, match=r"nobody \(uid 65534\).*JELMORE_PORT_USER"):
            async with dialled(TcpAddress(host, port, "the-token")):
                pass
        assert await trio.to_thread.run_sync(os.read, heard, 4096) == b""


@as_root
def test_a_glimpse_shows_it_none_either() -> None:
    with listening_as(NOBODY) as (port, heard):
        with pytest.raises(Stranger), glimpse(TcpAddress("127.0.0.1", port, "the-token"), 2):
            pass
        assert os.read(heard, 4096) == b""


@as_root
def test_one_that_is_named_may_have_it() -> None:
    address = TcpAddress("127.0.0.1", 1, "the-token", owners=frozenset({NOBODY}))
    with listening_as(NOBODY) as (port, _), socket.create_connection(("127.0.0.1", port)) as stream:
        check(address, stream, 2)


def test_our_own_is_good_as_soon_as_somebody_takes_the_connection() -> None:
    address = TcpAddress("127.0.0.1", 1, "the-token")
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as stream:
        with pytest.raises(TimeoutError, match="nobody takes"):
            check(address, stream, 0.05)
        taken, _ = listener.accept()
        with taken:
            check(address, stream, 0.05)


@pytest.mark.parametrize("uid", [owning.ROOT, os.getuid()])
def test_root_may_have_it(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "find", lambda *_: sockets.Socket(1, uid))
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as stream:
        check(TcpAddress("127.0.0.1", 1, "x"), stream, 1)
        monkeypatch.setattr(sockets, "find", lambda *_: sockets.Socket(1, 4711))
        with pytest.raises(Stranger, match="a port of uid 4711, not of yours"):
            check(TcpAddress("127.0.0.1", 1, "x"), stream, 1)


def test_where_nobody_tells_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as stream:
        monkeypatch.setattr(sys, "platform", "darwin")
        check(TcpAddress("127.0.0.1", 1, "x"), stream, 0)


def test_the_environment_names_one() -> None:
    known = {"JELMORE_URL": "ws://127.0.0.1:1/v1", "JELMORE_TOKEN_FILE": os.devnull}
    for user in ("root", "0"):
        address = named({**known, "JELMORE_PORT_USER": user})
        assert isinstance(address, TcpAddress)
        assert address.owners == {0}
    with pytest.raises(NoDaemon, match="there is no user 'no-such-user'"):
        named({**known, "JELMORE_PORT_USER": "no-such-user"})
