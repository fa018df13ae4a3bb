"""A client that knows the protocol page and nothing else: its own frames, its own JSON, no line of the daemon's code.

Tests use it so that what they prove holds for a client of anybody's making. It keeps every frame as it came.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, RejectConnection, Request, TextMessage

PATH = "/v1"
SUBPROTOCOL = "jelmored.v1"
PATIENCE = 20.0  # seconds that anything may take before a test fails
CHUNK = 64 * 1024

Json = dict[str, Any]


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
class Note:
    """A notification. `raw`: the frame as it came; `time`: of the Trio clock, when it came."""

    method: str
    params: Json
    raw: str = attrs.field(repr=False)
    time: float

    @property
    def is_event(self) -> bool:
        return self.method == "session/event"


@attrs.frozen
class Reply:
    result: Any
    raw: str = attrs.field(repr=False)


class Watch:
    """One subscription: the notifications of its session in the order in which they came.

    Every wait looks at what is there already, too, and fails after `PATIENCE` seconds with what did come.
    """

    def __init__(self, session_id: str, after: int | str) -> None:
        self.session_id = session_id
        self.after = after
        self.reply: Json = {}
        self.notes: list[Note] = []
        self._news = trio.Event()

    def add(self, note: Note) -> None:
        self.notes.append(note)
        self._news.set()
        self._news = trio.Event()

    @property
    def events(self) -> list[Json]:
        return [note.params for note in self.notes if note.is_event]

    @property
    def frames(self) -> dict[int, str]:
        """The events as they came, by their seq."""
        return {note.params["seq"]: note.raw for note in self.notes if note.is_event}

    def of_turn(self, turn: int, *types: str) -> list[Json]:
        """The events of a turn, of these types if any are named."""
        return [e for e in self.events if e["turn"] == turn and (not types or e["eventType"] in types)]

    def said(self, turn: int) -> str:
        """What the agent said in a turn."""
        return "".join(event["content"] for event in self.of_turn(turn, "assistant"))

    async def note(self, fits: Callable[[Note], bool], seconds: float = PATIENCE) -> Note:
        """The first one that fits."""
        seen = 0
        with trio.move_on_after(seconds):
            while True:
                for note in self.notes[seen:]:
                    if fits(note):
                        return note
                seen = len(self.notes)
                await self._news.wait()
        raise AssertionError(f"not within {seconds} s; what came: {self.summary()}")

    async def event(
        self, event_type: str, *, turn: int | None = None, after: int = 0, seconds: float = PATIENCE, **metadata: Any
    ) -> Json:
        """The first event of a type, in a turn, after a seq, with these values in its metadata."""

        def fits(note: Note) -> bool:
            event = note.params
            return (
                note.is_event
                and event["eventType"] == event_type
                and event["seq"] > after
                and (turn is None or event["turn"] == turn)
                and all(event["metadata"].get(key) == value for key, value in metadata.items())
            )

        return (await self.note(fits, seconds)).params

    async def delta(self, *, turn: int, count: int = 1, seconds: float = PATIENCE) -> Json:
        """The nth delta of a turn."""
        numbers = itertools.count(1)
        return (
            await self.note(
                lambda note: note.method == "session/delta" and note.params["turn"] == turn and next(numbers) == count,
                seconds,
            )
        ).params

    async def turn_over(self, turn: int, seconds: float = PATIENCE) -> Json:
        """The end of a turn, once the status after it has come as well."""
        ended = await self.event("turn_ended", turn=turn, seconds=seconds)
        await self.event("status_change", after=ended["seq"], seconds=seconds)
        return ended

    async def caught_up(self) -> Json:
        return (await self.note(lambda note: note.method == "session/caughtUp")).params

    def summary(self) -> Sequence[str]:
        """The last of what came, in few words."""
        return [_in_short(note) for note in self.notes[-40:]]


def _in_short(note: Note) -> str:
    params = note.params
    if note.is_event:
        return f"{params['seq']} {params['eventType']} turn={params['turn']} {params['content'][:80]!r}"
    return note.method.removeprefix("session/")


class RawClient:
    """One connection. Requests may be made by several tasks at once; `notes` are all notifications as they came."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.notes: list[Note] = []
        self.strays: list[Note] = []
        """What came of sessions that no reply has confirmed a subscription to."""
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
        key = message["id"]
        assert ("result" in message) != ("error" in message)
        if (watch := self._subscribing.pop(key, None)) is not None and "result" in message:
            watch.reply = message["result"]
            self._watches[watch.session_id] = watch
        self._waiting[key].send_nowait((message, frame))
        return None

    def _note(self, note: Note) -> None:
        self.notes.append(note)
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
            await self._stream.send_all(self._ws.send(event))


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
