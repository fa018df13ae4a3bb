from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from .client_raw import Closed, RpcError, UpgradeRefused, connect

Serve = Callable[[WebSocketConnection], Awaitable[None]]


@asynccontextmanager
async def _door(path: Path, serve: Serve) -> AsyncIterator[Path]:
    """A WebSocket server of another make on a Unix socket."""
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(path))
    listening.listen()

    async def welcome(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as connection:
            request = await wrap_server_stream(connection, stream)
            assert request.proposed_subprotocols == ("jelmored.v1",)
            ws = await request.accept(subprotocol="jelmored.v1")
            with suppress(ConnectionClosed):
                await serve(ws)
            connection.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, welcome, [trio.SocketListener(listening)])
        yield path
        nursery.cancel_scope.cancel()


async def _answer(ws: WebSocketConnection, result: Any, *before: dict[str, Any]) -> None:
    request = json.loads(await ws.get_message())
    for note in before:
        await ws.send_message(json.dumps({"jsonrpc": "2.0", **note}))
    await ws.send_message(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))


def _event(seq: int, session_id: str = "ses_1") -> dict[str, Any]:
    return {"method": "session/event", "params": {"sessionId": session_id, "seq": seq, "eventType": "user", "turn": 1}}


async def test_replies_find_their_requests(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        requests = [json.loads(await ws.get_message()) for _ in range(2)]
        for request in reversed(requests):
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": request["params"]["word"]}
            await ws.send_message(json.dumps(reply))
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        answers: dict[str, str] = {}

        async def ask(word: str) -> None:
            answers[word] = await client.request("echo", word=word)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one")
            nursery.start_soon(ask, "two")
        assert answers == {"one": "one", "two": "two"}


async def test_says_hello_first(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        hello = json.loads(await ws.get_message())
        assert hello["method"] == "initialize"
        assert hello["params"]["protocolVersion"] == 1
        await ws.send_message(json.dumps({"jsonrpc": "2.0", "id": hello["id"], "result": {"scope": "admin"}}))
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path) as client:
        assert client.hello == {"scope": "admin"}


async def test_a_no_is_an_exception_with_its_kind(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        request = json.loads(await ws.get_message())
        error = {"code": 1100, "message": "wait", "data": {"kind": "busy", "retryable": True}}
        await ws.send_message(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}))
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        with pytest.raises(RpcError) as refused:
            await client.request("session/prompt")
        assert (refused.value.code, refused.value.kind) == (1100, "busy")


async def test_an_error_without_a_request_is_kept(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        await ws.get_message()
        await ws.send_message('{"jsonrpc": "2.0", "id": null, "error": {"code": -32700}}')
        await _answer(ws, "pong")
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        await client.send_text("{")
        assert await client.request("ping") == "pong"
        assert client.blind_errors == [{"code": -32700}]


async def test_a_watch_has_what_comes_after_the_reply_and_a_stray_is_kept_apart(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        await _answer(ws, {"head": 1}, _event(7))
        for seq in (1, 2):
            await ws.send_message(json.dumps({"jsonrpc": "2.0", **_event(seq)}))
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        watch = await client.subscribe("ses_1")
        await watch.event("user", after=1)
        assert watch.reply == {"head": 1}
        assert list(watch.frames) == [1, 2]
        assert [note.params["seq"] for note in client.strays] == [7]


async def test_a_wait_that_is_in_vain_tells_what_came(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        await _answer(ws, {})
        note = _event(1)
        note["params"]["content"] = "hello"
        await ws.send_message(json.dumps({"jsonrpc": "2.0", **note}))
        await ws.get_message()

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        watch = await client.subscribe("ses_1")
        await watch.event("user")
        with pytest.raises(AssertionError, match="1 user turn=1 'hello'"):
            await watch.event("assistant", seconds=0.05)


async def test_the_close_code_reaches_who_waits(tmp_path: Path) -> None:
    async def serve(ws: WebSocketConnection) -> None:
        await ws.get_message()
        await ws.aclose(1001, "bye")

    async with _door(tmp_path / "s", serve) as path, connect(path, initialize=False) as client:
        with pytest.raises(Closed) as closed:
            await client.request("ping")
        assert closed.value.code == 1001
        assert await client.wait_closed() == 1001


async def test_an_upgrade_that_is_refused(tmp_path: Path) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n")
        await stream.aclose()

    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(tmp_path / "s"))
    listening.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, refuse, [trio.SocketListener(listening)])
        with pytest.raises(UpgradeRefused) as refused:
            async with connect(tmp_path / "s"):
                pass
        assert refused.value.status == 403
        nursery.cancel_scope.cancel()
