"""A client that knows the protocol page and nothing else: its own frames, its own JSON, no line of the daemon's code.

Tests use it so that what they prove holds for a client of anybody's making. It keeps every frame as it came.
By hand: `python -m tests.client_raw SOCKET METHOD [PARAMS]` prints the result, and what comes after it until Ctrl-C.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, RejectConnection, Request, TextMessage
from wsproto.utilities import LocalProtocolError

from .watch import PATIENCE, Json, Note, Watch

PATH = "/v1"
SUBPROTOCOL = "jelmored.v1"
CHUNK = 64 * 1024


class RpcError(Exception):
    """The daemon's no to a request."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(f"{code} {data.get('kind')}: {message}")
        self.code = code
        self.message = message
        self.data = data

    @property
    def kind(self) -> Any:
        return self.data["kind"]


class Closed(Exception):
    """The connection is over. `code`: of the daemon's close frame, None when there was none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed: {code}")
        self.code = code


class UpgradeRefused(Exception):
    """There was no 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@attrs.frozen
class Reply:
    result: Any
    raw: str = attrs.field(repr=False)


class RawClient:
    """One connection. Requests may be made by several tasks at once; `notes` are all notifications as they came."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.notes: list[Note] = []
        self.strays: list[Note] = []
        """What came of sessions that no reply has confirmed a subscription to."""
        self.blind_errors: list[Json] = []
        """Errors that name no request: it could not be read."""
        self.hello: Json = {}
        self.close_code: int | None = None
        self._stream = stream
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._sending = trio.Lock()
        self._ids = itertools.count(1)
        self._waiting: dict[int, trio.MemorySendChannel[tuple[Json, str]]] = {}
        self._subscribing: dict[int, Watch] = {}
        self._watches: dict[str, Watch] = {}
        self._text: list[str] = []
        self._open = True
        self._over = trio.Event()
        self._news = trio.Event()

    async def upgrade(self) -> None:
        """The WebSocket handshake; raises `UpgradeRefused`."""
        await self._send(Request(host="localhost", target=PATH, subprotocols=[SUBPROTOCOL]))
        match await self._next():
            case AcceptConnection():
                return
            case RejectConnection(status_code=status):
                raise UpgradeRefused(status)
            case _:
                raise Closed(None)

    async def run(self) -> None:
        """Read until the connection is over."""
        try:
            while (event := await self._next()) is not None:
                await self._take(event)
        finally:
            self._over.set()
            self._news.set()
            for waiting in self._waiting.values():
                waiting.close()

    async def _next(self) -> Event | None:
        """The next thing that happens on the connection; None when it is over."""
        while self._open:
            for event in self._ws.events():
                self._open = not isinstance(event, CloseConnection)
                return event
            try:
                data = await self._stream.receive_some(CHUNK)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            self._open = bool(data)
            if data:
                self._ws.receive_data(data)
        return None

    async def _take(self, event: Event) -> None:
        match event:
            case Ping():
                await self._send(event.response())
            case CloseConnection(code=code):
                self.close_code = code
                with suppress(Closed):  # it may have gone without waiting for our farewell
                    await self._send(event.response())
            case TextMessage(data=data, message_finished=finished):
                self._text.append(data)
                if finished:
                    frame = "".join(self._text)
                    self._text.clear()
                    self._dispatch(frame)

    def _dispatch(self, frame: str) -> None:
        message: Json = json.loads(frame)
        assert message["jsonrpc"] == "2.0"
        if "method" in message:
            assert "id" not in message, f"the daemon sends no requests: {frame}"
            return self._note(Note(message["method"], message["params"], frame, trio.current_time()))
        assert ("result" in message) != ("error" in message)
        key = message["id"]
        if key is None:
            self.blind_errors.append(message["error"])
            return None
        if (watch := self._subscribing.pop(key, None)) is not None and "result" in message:
            watch.reply = message["result"]
            self._watches[watch.session_id] = watch
        if (waiting := self._waiting.get(key)) is not None:  # or who asked has left
            waiting.send_nowait((message, frame))
        return None

    def _note(self, note: Note) -> None:
        self.notes.append(note)
        self._news.set()
        self._news = trio.Event()
        session_id = note.params.get("sessionId") or note.params.get("session", {}).get("sessionId")
        if session_id is None:
            return
        if (watch := self._watches.get(session_id)) is not None:
            watch.add(note)
        else:
            self.strays.append(note)

    async def ask(self, method: str, /, _watch: Watch | None = None, **params: Any) -> Reply:
        """A request and its reply as it came; raises `RpcError`, or `Closed` when the connection ends before."""
        key = next(self._ids)
        send, receive = trio.open_memory_channel[tuple[Json, str]](1)
        self._waiting[key] = send
        if _watch is not None:
            self._subscribing[key] = _watch
        try:
            await self.send_text(json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params}))
            with trio.fail_after(PATIENCE):
                message, frame = await receive.receive()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            raise Closed(self.close_code) from None
        finally:
            del self._waiting[key]
        if (error := message.get("error")) is not None:
            raise RpcError(error["code"], error["message"], error["data"])
        return Reply(message["result"], frame)

    async def request(self, method: str, /, **params: Any) -> Any:
        """The result of a request."""
        return (await self.ask(method, **params)).result

    async def subscribe(self, session_id: str, after: int | str = "start") -> Watch:
        """From now on all of a session comes here; an earlier subscription of it gets nothing any more."""
        watch = Watch(session_id, after)
        self._watches.pop(session_id, None)
        await self.ask("session/subscribe", _watch=watch, sessionId=session_id, after=after)
        return watch

    async def next_note(self, number: int) -> Note:
        """The notification of this number, from 0, once it has come; for as long as the connection lives."""
        while len(self.notes) <= number:
            if self._over.is_set():
                raise Closed(self.close_code)
            await self._news.wait()
        return self.notes[number]

    async def send_text(self, text: str) -> None:
        """A frame, whatever is in it."""
        await self._send(TextMessage(data=text))

    async def wait_closed(self, seconds: float = PATIENCE) -> int | None:
        """The code of the daemon's close frame, once the connection is over."""
        with trio.fail_after(seconds):
            await self._over.wait()
        return self.close_code

    async def _send(self, event: Event) -> None:
        async with self._sending:
            try:
                await self._stream.send_all(self._ws.send(event))
            except (LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
                raise Closed(self.close_code) from None


@asynccontextmanager
async def connect(socket: Path, *, name: str = "raw", initialize: bool = True) -> AsyncIterator[RawClient]:
    """A connection for as long as the body runs; `initialize` says hello first."""
    client = RawClient(await trio.open_unix_socket(socket))
    try:
        with trio.fail_after(PATIENCE):
            await client.upgrade()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            if initialize:
                client.hello = await client.request(
                    "initialize", protocolVersion=1, clientInfo={"name": name, "version": "1"}
                )
            yield client
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(client._stream)


async def _main(*arguments: str) -> None:
    socket, method, *params = arguments
    async with connect(Path(socket)) as client:
        print(json.dumps(await client.request(method, **json.loads("".join(params) or "{}")), indent=1))
        for number in itertools.count():
            print((await client.next_note(number)).raw, flush=True)


if __name__ == "__main__":
    try:
        trio.run(_main, *sys.argv[1:])
    except* KeyboardInterrupt:
        pass
