"""Having a conversation with a real daemon: to record it, or to see that the recorded one is still true."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from . import daemon
from .transcript import PAGE, PROJECT, Json, Line, compare, members, page_with, translated

SETTINGS = {"default_provider": "demo"}
SECONDS = 20.0


@attrs.define
class Talk:
    """A connection that remembers what was said."""

    ws: WebSocketConnection
    lines: list[Line] = attrs.field(factory=list)

    async def send(self, message: Json) -> None:
        self.lines.append(Line(True, message))
        await self.ws.send_message(json.dumps(message))

    async def receive(self) -> Line:
        line = Line(False, json.loads(await self.ws.get_message()))
        self.lines.append(line)
        return line


@asynccontextmanager
async def talking(socket: Path) -> AsyncIterator[Talk]:
    async with await trio.open_unix_socket(str(socket)) as stream, trio.open_nursery() as nursery:
        ws = await wrap_client_stream(nursery, stream, "localhost", "/v1", subprotocols=["jelmored.v1"])
        with trio.fail_after(SECONDS):
            yield Talk(ws)
            await ws.aclose()


async def record() -> None:
    """Write a fresh one into the page."""
    async with daemon.running(SETTINGS) as place, talking(place.socket) as talk:
        await _first_conversation(talk, str(place.work))
        text = json.dumps([attrs.asdict(line) for line in talk.lines]).replace(str(place.work), PROJECT)
    lines = [Line(**line) for line in json.loads(text.replace(f'"uid": {os.getuid()}', '"uid": 1000'))]
    PAGE.write_text(page_with(PAGE.read_text("utf-8"), lines), "utf-8")


async def _first_conversation(talk: Talk, cwd: str) -> None:
    hello = {"protocolVersion": 1, "clientInfo": {"name": "my-editor", "version": "1.0"}}
    await _ask(talk, 1, "initialize", hello)
    session = (await _ask(talk, 2, "session/create", {"cwd": cwd, "provider": "demo"}))["sessionId"]
    await _ask(talk, 3, "session/subscribe", {"sessionId": session, "after": "start"})
    await _until(talk, "session/caughtUp")
    await _ask(talk, 4, "session/prompt", {"sessionId": session, "prompt": "What is in this directory?"})
    approval = (await _until(talk, "session/event", eventType="approval_requested"))["metadata"]["approvalId"]
    await _until(talk, "session/event", content="active → waiting_input")
    await _ask(talk, 5, "approval/resolve", {"approvalId": approval, "optionId": "allow"})
    await _until(talk, "session/event", eventType="status_change", turn=None)


async def _ask(talk: Talk, key: int, method: str, params: Json) -> Json:
    await talk.send({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
    while (line := await talk.receive()).message.get("id") != key:
        pass
    result: Json = line.message["result"]
    return result


async def _until(talk: Talk, method: str, **values: Any) -> Json:
    """The params of the next notification with these values; one that came with the last reply counts too."""
    seen = max(index for index, line in enumerate(talk.lines) if line.sent)
    while True:
        for line in talk.lines[seen:]:
            params: Json = line.message.get("params", {})
            fits = all(params.get(name, "") == value for name, value in values.items())
            if not line.sent and line.message.get("method") == method and fits:
                return params
        seen = len(talk.lines)
        await talk.receive()


async def have_again(talk: Talk, documented: Sequence[Line], cwd: str) -> None:
    """Send what the page sends, as soon as all came that stands before it; fails where something else comes."""
    known = {PROJECT: cwd}
    came: list[Line] = []
    for line in documented:
        if line.sent:
            await talk.send(translated(line.message, known))
        elif not line.loose:
            compare(line.message, await _counterpart(talk, line, came), known)
    assert not came, f"the page does not have {came}"
    for line in documented:
        if line.loose:
            assert any(members(line.message) == members(other.message) for other in talk.lines), line.message


async def _counterpart(talk: Talk, wanted: Line, came: list[Line]) -> Json:
    """Replies and notifications are each in order; between them there is no order. `came`: what nobody wanted yet."""
    is_reply = "id" in wanted.message
    while not (fitting := [line for line in came if ("id" in line.message) is is_reply]):
        if not (line := await talk.receive()).loose:
            came.append(line)
    came.remove(fitting[0])
    return fitting[0].message
