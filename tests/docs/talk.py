"""Having a conversation with a real daemon, frame by frame, and remembering it."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from .transcript import Json, Line

SECONDS = 60.0


@attrs.define
class Talk:
    """What is said on one connection after another.

    Args:
        socket: the daemon's.
        work: a directory for sessions.
    """

    socket: Path
    work: Path
    frames: list[Line] = attrs.field(factory=list)
    """All that was said."""
    lines: list[Line] = attrs.field(factory=list)
    """What the page shows of it."""
    _keys: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    _shown: bool = True
    _connection: WebSocketConnection | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """While the body runs; then the connection is dropped without a farewell."""
        stream = await trio.open_unix_socket(str(self.socket))
        async with trio.open_nursery() as nursery:
            self._connection = await wrap_client_stream(
                nursery, stream, "localhost", "/v1", subprotocols=["jelmored.v1"]
            )
            with trio.fail_after(SECONDS):
                yield
            nursery.cancel_scope.cancel()
        await trio.aclose_forcefully(stream)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What is said meanwhile the page does not show."""
        self._shown = False
        yield
        self._shown = True

    def remark(self, text: str) -> None:
        """A line of the page that nobody says."""
        self.lines.append(Line("#", {"#": text}))

    async def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        return (await self._reply(method, params))["result"]

    async def refused(self, method: str, **params: Any) -> Json:
        """The error that a request is answered with."""
        error: Json = (await self._reply(method, params))["error"]
        return error

    async def until(self, method: str, **values: Any) -> Json:
        """The params of the next notification with these values; one that came with the last reply counts too."""
        since = max(index for index, line in enumerate(self.frames) if line.mark == "→")
        for index in itertools.count(since):
            while index >= len(self.frames):
                await self._receive()
            message = self.frames[index].message
            params: Json = message.get("params", {})
            if message.get("method") == method and all(
                params.get(name, "") == wanted for name, wanted in values.items()
            ):
                return params
        raise AssertionError

    async def _reply(self, method: str, params: Json) -> Json:
        key = next(self._keys)
        message = {"jsonrpc": "2.0", "id": key, "method": method, "params": params}
        self._remember(Line("→", message))
        assert self._connection is not None
        await self._connection.send_message(json.dumps(message))
        while (reply := await self._receive()).get("id") != key:
            pass
        return reply

    async def _receive(self) -> Json:
        assert self._connection is not None
        message: Json = json.loads(await self._connection.get_message())
        self._remember(Line("←", message))
        return message

    def _remember(self, line: Line) -> None:
        self.frames.append(line)
        if self._shown:
            self.lines.append(line)
