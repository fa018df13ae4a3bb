"""One upgraded client: frames in, frames out, alive or gone. What is said is the matter of its `Speaker`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from .principal import Principal
from .stream import CloseCode, FrameStream

PING_SECONDS = 20
PONG_SECONDS = 20
FLUSH_SECONDS = 1
_FAULTS = {int(fault): fault for fault in (CloseCode.PROTOCOL, CloseCode.NO_TEXT)}

log = structlog.get_logger(__name__)


class Speaker(Protocol):
    """One client's conversation in the language of its path."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Whatever runs beside `hear` and `take`, until cancelled."""

    async def hear(self, frame: str) -> None:
        """One message of the client. Returns when the next one may come; while it waits, no ping is answered."""

    async def take(self) -> Sequence[bytes]:
        """What to send next, at least one message; waits for it."""

    def finish(self) -> Sequence[bytes]:
        """All tasks of the connection are over. Nothing may come to it any more; what still waits is sent."""


class Connection:
    """What a speaker has of its client.

    Args:
        principal: who it is.
        ws: the upgraded connection.
        stream: the one that `ws` was made on.
        path: by which it came.
        clients: how many there are.
    """

    def __init__(
        self,
        principal: Principal,
        ws: WebSocketConnection,
        stream: FrameStream,
        *,
        path: str,
        clients: Callable[[], int],
    ) -> None:
        self.principal = principal
        self.path = path
        self.clients = clients
        self._ws = ws
        self._stream = stream
        self._nursery: trio.Nursery | None = None
        self._unsent: Sequence[bytes] = ()
        self._ignored = 0
        self._ended = trio.Event()
        self._code, self._reason = CloseCode.OUR_FAULT, "internal error"

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def end(self, code: CloseCode, reason: str) -> None:
        """Close soon. The first reason stands."""
        if not self._ended.is_set():
            self._code, self._reason = code, reason
            self._ended.set()

    async def run(self, speak: Callable[[Connection], Speaker]) -> None:
        """Until one side ends it, or a task of it fails."""
        speaker = speak(self)
        try:
            async with trio.open_nursery() as self._nursery:
                await self.start(speaker.run)
                for task in (self._read, self._write):
                    self._nursery.start_soon(task, speaker)
                self._nursery.start_soon(self._keep_alive)
                await self._ended.wait()
                self._nursery.cancel_scope.cancel()
        finally:
            waiting = (*self._unsent, *speaker.finish())  # a write cut at its first byte has left the stream whole
        with trio.move_on_after(FLUSH_SECONDS):
            await self._flush(waiting)

    async def start(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """A task of this connection; it has begun when this returns. To be called by its other tasks."""
        if self._nursery is None:
            raise RuntimeError("Connection.run has not started")
        await self._nursery.start(task, *args)

    async def close(self) -> None:
        """Say why, and wait for the peer to say goodbye; the caller has a deadline."""
        principal, code = self.principal, int(self._code)
        log.debug("connection closed", connection=principal.connection_id, code=code, ignored_frames=self._ignored)
        await self._ws.aclose(self._code, self._reason)
        await self._stream.say_goodbye(self._code, self._reason)

    async def _read(self, speaker: Speaker) -> None:
        while True:
            try:
                frame = await self._ws.get_message()
            except ConnectionClosed as closed:
                return self._over(closed)
            await self._heard(speaker, frame)

    async def _heard(self, speaker: Speaker, frame: str | bytes) -> None:
        """One message. Binary ones are ignored and counted (protocol 1, section 2)."""
        if isinstance(frame, str):
            await speaker.hear(frame)
        else:
            self._ignored += 1

    async def _write(self, speaker: Speaker) -> None:
        while True:
            self._unsent = await speaker.take()
            try:
                await self._stream.send_texts(self._unsent)
                self._unsent = ()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return self.end(self._stream.fault or CloseCode.BYE, "the peer is gone")

    async def _flush(self, waiting: Sequence[bytes]) -> None:
        try:
            if waiting:
                await self._stream.send_texts(waiting)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _keep_alive(self) -> None:
        """An upload on a slow line delays the pong behind it: any byte counts as a sign of life."""
        while not self._ended.is_set():
            await trio.sleep(PING_SECONDS)
            heard = self._stream.received
            with trio.move_on_after(PONG_SECONDS) as scope:
                await self._ping()
            if scope.cancelled_caught and self._stream.received == heard:
                self.end(CloseCode.SLOW, "no answer to a ping")

    async def _ping(self) -> None:
        try:
            await self._ws.ping()
        except ConnectionClosed as closed:
            self._over(closed)

    def _over(self, closed: ConnectionClosed) -> None:
        """trio-websocket has ended it. If that was for what the peer has said, it has told it nothing: `close` does."""
        code, reason = (closed.reason.code, closed.reason.reason) if closed.reason else (None, None)
        if self._stream.fault is not None:
            self.end(self._stream.fault, "a message that is too large, or in too many pieces")
        else:
            self.end(_FAULTS.get(code or 0, CloseCode.BYE), reason or "bye")
