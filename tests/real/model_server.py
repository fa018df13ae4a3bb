"""A scripted model on loopback: real HTTP, real streams, only the words are made up. It speaks the Messages API of
Anthropic (`/v1/messages`) and the chat completions of OpenAI (`/v1/chat/completions`).

By hand: `python -m tests.real.model_server --script play` prints its URL; then start an agent with
`ANTHROPIC_BASE_URL` set to it and any `ANTHROPIC_API_KEY`.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import ModuleType
from typing import Any

import attrs
import h11
import trio

from . import chat_api, messages_api
from .conversation import Conversation
from .script import Answer, Failure, Fault, Line, Script, Silence, fails
from .scripts import SCRIPTS

CHUNK = 64 * 1024
READ_SECONDS = 0.3  # until a client has read what is sent last: else it may notice only that the connection is closed
HANG_SECONDS = 3600  # longer than anybody waits
SPENT = fails(429, "you have used what you may use")

Api = ModuleType
APIS: Mapping[str, Api] = {"/v1/messages": messages_api, "/v1/chat/completions": chat_api}
"""What is spoken where; each has `conversation`, `stream`, `body`, `error` and `stream_error`."""


@attrs.frozen
class Call:
    """A request to the model, as it came. `time` in seconds of the Trio clock."""

    time: float
    headers: Mapping[str, str]
    body: Mapping[str, Any] = attrs.field(repr=False)
    api: Api = messages_api

    @property
    def streaming(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def conversation(self) -> Conversation:
        told: Conversation = self.api.conversation(self.body)
        return told


class ModelServer:
    """Answers by its script and remembers what it was asked.

    Args:
        script: chooses the answers; may be replaced between turns.
        port: on loopback; 0 takes a free one. It counts when the server is run.
    """

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.calls: list[Call] = []
        self.others: list[str] = []
        """What else was asked: `HEAD /`, `POST /v1/messages/count_tokens`."""
        self.url = ""
        self.port = port

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `started` with the URL."""
        (listener,) = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._serve, [listener])
            task_status.started(self.url)

    async def _serve(self, stream: trio.SocketStream) -> None:
        peer = _Peer(stream)
        try:
            while (request := await peer.request()) is not None:
                await self._answer(peer, request)
        except (trio.BrokenResourceError, h11.RemoteProtocolError, _HungUp):
            pass  # a client may go whenever it likes
        finally:
            await trio.aclose_forcefully(stream)

    async def _answer(self, peer: _Peer, request: _Request) -> None:
        if (api := APIS.get(request.path)) is not None:
            call = Call(trio.current_time(), request.headers, json.loads(request.body), api)
            self.calls.append(call)
            await _perform(self.script.line(call.conversation), call, peer)
        else:
            self.others.append(f"{request.method} {request.path}")
            await peer.reply(200, {"input_tokens": 100}, head=request.method == "HEAD")


async def _perform(line: Line, call: Call, peer: _Peer) -> None:
    model = call.body["model"]
    match line:
        case Failure():
            await peer.reply(line.status, call.api.error(line), line.headers)
        case Silence.HANG:
            await peer.hang()
        case Silence.HANG_UP:
            raise _HungUp
        case Answer() if call.streaming:
            await _stream(line, model, peer, call.api)
        case Answer():
            await peer.reply(200, call.api.body(line, model), line.headers)


async def _stream(answer: Answer, model: str, peer: _Peer, api: Api) -> None:
    await peer.open_stream(answer.headers)
    if answer.held is not None:
        await answer.held.wait()
    for event in _until_fault(answer, api.stream(answer, model)):
        await trio.sleep(answer.pace if event.is_delta else 0)
        await peer.send(event.encode())
    if answer.fault is not None:
        await _strike(answer.fault, peer, api)
    await peer.close_stream()


def _until_fault(answer: Answer, events: Iterator[Any]) -> Iterator[Any]:
    deltas = 0
    for event in events:
        deltas += event.is_delta
        if answer.fault is not None and deltas > answer.sound_deltas:
            return
        yield event


async def _strike(fault: Fault, peer: _Peer, api: Api) -> None:
    match fault:
        case Fault.STALL:
            await peer.hang()
        case Fault.ERROR:
            await peer.send(api.stream_error().encode())
        case Fault.THROTTLED:
            await peer.send(api.stream_error(SPENT).encode())
        case Fault.GARBLED:
            await peer.send(b'event: content_block_delta\ndata: {"type": "content_block_del\x00\xff\n\n')
            await trio.sleep(READ_SECONDS)
            raise _HungUp
        case Fault.CUT:
            await trio.sleep(READ_SECONDS)
            raise _HungUp


class _HungUp(Exception):
    """The connection is to be closed as it is."""


@attrs.frozen
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Peer:
    """One connection, its requests one after the other."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)

    async def request(self) -> _Request | None:
        """The next one; None when the client has gone."""
        if self._http.our_state is h11.MUST_CLOSE:
            return None
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        body = bytearray()
        while isinstance(data := await self._next_event(), h11.Data):
            body += data.data
        headers = {name.decode(): value.decode() for name, value in head.headers}
        path = head.target.decode().partition("?")[0]
        return _Request(head.method.decode(), path, headers, bytes(body))

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._stream.receive_some(CHUNK))
        return event  # type: ignore[return-value]

    async def reply(
        self, status: int, value: Any, headers: tuple[tuple[str, str], ...] = (), *, head: bool = False
    ) -> None:
        body = json.dumps(value).encode()
        fixed = [("content-type", "application/json"), ("content-length", str(len(body)))]
        await self._send(h11.Response(status_code=status, headers=[*fixed, *headers]))
        if not head:
            await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())

    async def open_stream(self, headers: tuple[tuple[str, str], ...]) -> None:
        kind = ("content-type", "text/event-stream; charset=utf-8")
        await self._send(h11.Response(status_code=200, headers=[kind, *headers]))

    async def send(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def close_stream(self) -> None:
        await self._send(h11.EndOfMessage())

    async def hang(self) -> None:
        """Nothing, until the client has had enough."""
        with trio.move_on_after(HANG_SECONDS):
            while await self._stream.receive_some(CHUNK):
                pass
        raise _HungUp

    async def _send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            await self._stream.send_all(data)


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[ModelServer]:
    """A model server for as long as the body runs."""
    server = ModelServer(script)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server
        nursery.cancel_scope.cancel()


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that is held and refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", choices=sorted(SCRIPTS), default="play")
    arguments = parser.parse_args()
    async with trio.open_nursery() as nursery:
        print(await nursery.start(ModelServer(SCRIPTS[arguments.script](), arguments.port).run), flush=True)


if __name__ == "__main__":
    try:
        trio.run(_main)
    except* KeyboardInterrupt:
        pass
