"""The scripted model by itself: what goes over the wire is what the script says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import pytest
import trio

from .model_server import ModelServer, refusing, serving
from .script import Fault, Line, Script, Silence, breaks, fails, recalls, says, thinks, uses, when


@asynccontextmanager
async def _model(*lines: Line) -> AsyncIterator[tuple[ModelServer, httpx.AsyncClient]]:
    script = Script(when("first thing", recalls), when("", *lines))
    async with serving(script) as server, httpx.AsyncClient(base_url=server.url, timeout=5) as http:
        yield server, http


def _body(*texts: str, stream: bool = False) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in texts]
    return {"model": "m", "stream": stream, "messages": messages}


async def _post(http: httpx.AsyncClient, *texts: str) -> httpx.Response:
    return await http.post("/v1/messages", json=_body(*texts))


async def _stream(server: ModelServer, seconds: float = 5) -> bytes:
    """What comes until the server closes, or the seconds are over, as it is on the wire."""
    body = json.dumps(_body("go", stream=True)).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    received = b""
    async with await trio.open_tcp_stream("127.0.0.1", int(server.url.rpartition(":")[2])) as stream:
        await stream.send_all(head % len(body) + body)
        with trio.move_on_after(seconds):
            async for chunk in stream:
                received += chunk
    return received


def _events(wire: bytes) -> list[dict[str, Any]]:
    assert b"content-type: text/event-stream" in wire
    return [json.loads(line.removeprefix(b"data: ")) for line in wire.splitlines() if line.startswith(b"data: ")]


LAST_CHUNK = b"0\r\n\r\n"


async def test_a_stream_is_whole() -> None:
    async with _model(thinks("hm, hm", "It is so.")) as (server, _):
        received = _events(await _stream(server))
    kinds = [event["type"] for event in received if not event["type"].endswith("delta")]
    block = ["content_block_start", "content_block_stop"]
    assert kinds == ["message_start", "ping", *block, *block, "message_stop"]
    deltas = [event["delta"] for event in received if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "hm, hm"
    assert "".join(delta.get("text", "") for delta in deltas) == "It is so."


async def test_an_answer_has_the_headers_that_it_is_given() -> None:
    warned = attrs.evolve(says("a"), headers=(("x-left", "1"),))
    async with _model(warned) as (server, http):
        assert (await _post(http, "go")).headers["x-left"] == "1"
        assert b"x-left: 1\r\n" in await _stream(server)


async def test_a_tool_streams_its_input_in_pieces() -> None:
    async with _model(uses("Bash", command="ls")) as (server, _):
        received = _events(await _stream(server))
    pieces = [event["delta"]["partial_json"] for event in received if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"command": "ls"}
    assert received[-2]["delta"]["stop_reason"] == "tool_use"


async def test_lines_come_in_order_and_the_last_one_stays() -> None:
    async with _model(fails(429, retry_after=3), says("a"), says("b")) as (server, http):
        first = await _post(http, "go")
        assert (first.status_code, first.headers["retry-after"]) == (429, "3")
        assert first.json()["error"]["type"] == "rate_limit_error"
        texts = [(await _post(http, "go")).json()["content"][0]["text"] for _ in range(3)]
        assert texts == ["a", "b", "b"]
        assert len(server.calls) == 4


async def test_it_answers_from_what_it_is_sent() -> None:
    async with _model(says("a")) as (_, http):
        reply = await _post(http, "I have a cat", "<system-reminder>x", "what was the first thing I told you?")
    assert reply.json()["content"][0]["text"].endswith("I have a cat")


async def test_words_that_no_rule_is_for_are_named() -> None:
    async with serving(Script(when("a", says("b")))) as server, httpx.AsyncClient(base_url=server.url) as http:
        reply = await _post(http, "zzz")
    assert reply.status_code == 400
    assert "zzz" in reply.text


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.GARBLED])
async def test_a_stream_breaks_off_after_its_sound_deltas(fault: Fault) -> None:
    async with _model(breaks(says("abcdef", pieces=6), fault, after=2)) as (server, _):
        wire = await _stream(server)
    assert wire.count(b'"type": "text_delta"') == 2
    assert not wire.endswith(LAST_CHUNK)


async def test_a_stream_tells_an_error_and_ends() -> None:
    async with _model(breaks(says("abcdef", pieces=6), Fault.ERROR, after=2)) as (server, _):
        received = _events(await _stream(server))
    assert received[-1]["error"]["type"] == "overloaded_error"


async def test_the_broken_answer_is_whole_without_streaming() -> None:
    async with _model(breaks(says("abcdef"), Fault.CUT)) as (_, http):
        assert (await _post(http, "go")).json()["content"] == [{"type": "text", "text": "abcdef"}]


async def test_a_stall_lasts_until_the_client_has_had_enough() -> None:
    async with _model(breaks(says("abcdef", pieces=6), Fault.STALL, after=2)) as (server, _):
        received = _events(await _stream(server, seconds=0.3))
    assert received[-1]["type"] == "content_block_delta"


async def test_silence() -> None:
    async with _model(Silence.HANG_UP, Silence.HANG) as (_, http):
        with pytest.raises(httpx.RemoteProtocolError):
            await _post(http, "go")
        with trio.move_on_after(0.3) as scope:
            await _post(http, "go")
        assert scope.cancelled_caught


async def test_a_port_that_refuses() -> None:
    with refusing() as url:
        async with httpx.AsyncClient(base_url=url) as http:
            with pytest.raises(httpx.ConnectError):
                await _post(http, "go")


async def test_what_else_is_asked() -> None:
    async with _model(says("a")) as (server, http):
        assert (await http.head("/")).status_code == 200
        assert (await http.post("/v1/messages/count_tokens?beta=true", json={})).json() == {"input_tokens": 100}
        assert server.others == ["HEAD /", "POST /v1/messages/count_tokens"]
        assert server.calls == []
