"""A server on loopback that says what a test wants it to, where the real one can't be made to: broken streams, other
passwords, pages instead of JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import h11
import trio

from jelmored.providers.opencode.client import OpencodeClient

PASSWORD = "right"
CONNECTED = {"type": "server.connected", "properties": {}}


@attrs.frozen
class Asked:
    """A request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@attrs.frozen
class Says:
    """An answer. `body` is JSON, or bytes as they are."""

    body: Any = None
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False)
class FakeServer:
    """`answers` by `METHOD /path`; what is not there is answered with `{}`."""

    answers: dict[str, Says | Callable[[Asked], Says]] = attrs.field(factory=dict)
    asked: list[Asked] = attrs.field(factory=list)
    url: str = ""
    password: str | None = PASSWORD
    _streams: dict[trio.SocketStream, str] = attrs.field(factory=dict)
    _telling: trio.Lock = attrs.field(factory=trio.Lock)

    def lines(self) -> list[str]:
        """What was asked, in short."""
        return [asked.line for asked in self.asked]

    async def tell(self, directory: str, *events: Mapping[str, Any]) -> None:
        """Events to those who listen in a directory."""
        data = _chunk(*events)
        async with self._telling:
            for stream in [stream for stream, place in self._streams.items() if place == directory]:
                await stream.send_all(data)

    async def cut(self) -> None:
        """All streams break."""
        for stream in list(self._streams):
            await trio.aclose_forcefully(stream)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._serve, [listener])
            task_status.started()

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            while True:
                request, body = await _request(stream)
                asked = _asked(request, body)
                self.asked.append(asked)
                if not self._lets_in(request):
                    await _answer(stream, Says(b"", 401, "text/plain"))
                elif asked.path == "/event" and "GET /event" not in self.answers:
                    await self._stream(stream, asked.query["directory"])
                else:
                    answer = self.answers.get(asked.line, Says({}))
                    await _answer(stream, answer(asked) if callable(answer) else answer)
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
            pass
        finally:
            self._streams.pop(stream, None)
            await trio.aclose_forcefully(stream)

    def _lets_in(self, request: h11.Request) -> bool:
        given = dict(request.headers).get(b"authorization")
        wanted = b"Basic " + base64.b64encode(f"opencode:{self.password}".encode())
        return self.password is None or given == wanted

    async def _stream(self, stream: trio.SocketStream, directory: str) -> None:
        await stream.send_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        async with self._telling:  # whoever asked may tell something as soon as it knows
            await stream.send_all(_chunk(CONNECTED))
            self._streams[stream] = directory
        await stream.receive_some()
        raise EOFError


def _chunk(*events: Mapping[str, Any]) -> bytes:
    data = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)
    return b"%x\r\n%s\r\n" % (len(data), data)


def _asked(request: h11.Request, body: bytes) -> Asked:
    target = urlsplit(request.target.decode())
    return Asked(request.method.decode(), target.path, dict(parse_qsl(target.query)), json.loads(body or b"null"))


async def _request(stream: trio.SocketStream) -> tuple[h11.Request, bytes]:
    http, body = h11.Connection(h11.SERVER), b""
    head: h11.Request | None = None
    while True:
        match event := http.next_event():
            case h11.Request():
                head = event
            case h11.Data():
                body += event.data
            case h11.EndOfMessage() if head is not None:
                return head, body
            case _:
                if not (chunk := await stream.receive_some()):
                    raise EOFError
                http.receive_data(chunk)


async def _answer(stream: trio.SocketStream, says: Says) -> None:
    body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
    fields = {"content-type": says.kind, "content-length": len(body), **says.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"HTTP/1.1 {says.status} X\r\n{lines}\r\n"
    await stream.send_all(head.encode() + body)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[tuple[FakeServer, OpencodeClient]]:
    """A server, and a client that knows its password."""
    server = FakeServer(**settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        async with OpencodeClient(server.url, ("opencode", PASSWORD)) as client:
            yield server, client
        nursery.cancel_scope.cancel()
