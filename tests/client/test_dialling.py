"""Doors that stay shut, or are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from jelmored.client import Rejected, dialling
from jelmored.client.addresses import TcpAddress, UnixAddress
from jelmored.client.dialling import dialled


async def answer(stream: trio.SocketStream, reply: bytes, heard: list[bytes]) -> None:
    heard.append(await stream.receive_some(4096))
    if reply:
        await stream.send_all(reply)
    await stream.aclose()


async def serve(nursery: trio.Nursery, reply: bytes, heard: list[bytes]) -> TcpAddress:
    async def handle(stream: trio.SocketStream) -> None:
        await answer(stream, reply, heard)

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, handle, [listener])
    return TcpAddress("127.0.0.1", listener.socket.getsockname()[1], "token-1")


async def test_a_refusal_is_told_with_its_line(nursery: trio.Nursery) -> None:
    heard: list[bytes] = []
    reply = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 11\r\n\r\nwrong token"
    address = await serve(nursery, reply, heard)
    with pytest.raises(Rejected, match="401 wrong token") as rejected:
        async with dialled(address):
            pass
    assert rejected.value.status == 401
    request = heard[0].lower()
    assert b"get /v1 http/1.1" in request
    assert b"authorization: bearer token-1" in request
    assert b"sec-websocket-protocol: jelmored.v1" in request
    assert b"origin" not in request


async def test_who_does_not_answer_is_not_waited_for_long(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "CONNECT_SECONDS", 0.2)
    address = await serve(nursery, b"", [])
    with pytest.raises(TimeoutError, match="no handshake"):
        async with dialled(address):
            pass


async def test_nobody_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with dialled(UnixAddress(str(tmp_path / "none.sock"))):
            pass
    with pytest.raises(OSError, match="too long"):
        async with dialled(UnixAddress("/" + "x" * 200)):
            pass
