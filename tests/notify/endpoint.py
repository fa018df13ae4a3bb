"""An HTTP server on loopback: it keeps what is posted to it, and answers as it is told to."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import h11
import trio

Answer = int | str
"""A status; "cut": the connection is closed instead; "hang": nothing is said."""


@attrs.frozen
class Posted:
    request: h11.Request
    body: bytes
    at: float

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.request.headers}


@attrs.define(eq=False)
class Endpoint:
    """`answers`: one after the other; the last one again and again."""

    answers: Sequence[Answer]
    port: int = 0
    posted: list[Posted] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=sk-1"

    @property
    def pauses(self) -> list[float]:
        """Seconds between the posts."""
        times = [one.at for one in self.posted]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    async def _serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            connection = h11.Connection(h11.SERVER)
            body = b""
            request: h11.Request | None = None
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                match event:
                    case h11.NEED_DATA:
                        connection.receive_data(await stream.receive_some())
                    case h11.Request():
                        request = event
                    case h11.Data():
                        body += event.data
                    case _:
                        return
            assert request is not None
            self.posted.append(Posted(request, body, trio.current_time()))
            await self._answer(stream, connection)

    async def _answer(self, stream: trio.SocketStream, connection: h11.Connection) -> None:
        answer = self.answers[min(len(self.posted), len(self.answers)) - 1]
        if answer == "hang":
            await trio.sleep_forever()
        if isinstance(answer, int):
            headers = [("Content-Length", "0"), ("Location", f"http://127.0.0.1:{self.port}/elsewhere")]
            await stream.send_all(connection.send(h11.Response(status_code=answer, headers=headers)) or b"")


@asynccontextmanager
async def endpoint(*answers: Answer) -> AsyncIterator[Endpoint]:
    made = Endpoint(answers)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, made._serve, 0)
        made.port = listeners[0].socket.getsockname()[1]
        yield made
        nursery.cancel_scope.cancel()
