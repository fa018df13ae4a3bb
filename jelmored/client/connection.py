"""One connection's life: requests find their replies, notifications go to whoever listens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from . import messages
from .errors import Disconnected, RpcError
from .messages import Notice, Reply

IN_FLIGHT = 64  # protocol 1, section 2: more are refused
WRITE_SECONDS = 10.0
REPLY_SECONDS = 60.0

Told = Callable[[Any], None]
"""Called with a result before anything that follows it on the wire is looked at."""


@attrs.define(eq=False)
class _Pending:
    told: Told | None
    settled: trio.Event = attrs.field(factory=trio.Event)
    result: Any = None
    error: RpcError | Disconnected | None = None

    def settle(self, reply: Reply) -> None:
        self.result, self.error = reply.result, reply.error
        if self.told is not None and reply.error is None:
            self.told(reply.result)
        self.settled.set()


class Connection:
    """JSON-RPC over one open WebSocket.

    Args:
        socket: open, and closed by whoever opened it.
        heard: takes each notification, in order; returns at once and raises nothing.
    """

    def __init__(self, socket: WebSocketConnection, heard: Callable[[Notice], None]) -> None:
        self._socket = socket
        self._heard = heard
        self._keys = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._places = trio.Semaphore(IN_FLIGHT)
        self._outgoing, self._to_write = trio.open_memory_channel[str](IN_FLIGHT)
        self.lost: Disconnected | None = None
        """Why it has ended; None while it lives."""

    async def run(self) -> Disconnected:
        """Live until the connection ends; returns why. Every request that waits then gets the same."""
        lost = Disconnected("the connection was closed by us")
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                lost = await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._give_up(lost)
        return lost

    async def request(self, method: str, params: Mapping[str, Any], told: Told | None = None) -> Any:
        """Ask and wait for the reply.

        Raises:
            RpcError: the daemon refused.
            Disconnected: no reply came, or will come.
        """
        async with self._places:
            if self.lost is not None:
                raise self.lost
            key = next(self._keys)
            pending = self._pending[key] = _Pending(told)
            try:
                await self._ask(key, method, params, pending)
            finally:
                del self._pending[key]
        if pending.error is not None:
            raise pending.error
        return pending.result

    async def _ask(self, key: int, method: str, params: Mapping[str, Any], pending: _Pending) -> None:
        with trio.move_on_after(REPLY_SECONDS):
            try:
                await self._outgoing.send(messages.request(key, method, params))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pending.error = self.lost
                return
            await pending.settled.wait()
            return
        pending.error = Disconnected(f"no reply to {method} within {REPLY_SECONDS:g} s")

    async def _write(self) -> None:
        """The only writer: a send that is cut midway would spoil the stream, so it ends the connection."""
        async for frame in self._to_write:
            with trio.move_on_after(WRITE_SECONDS) as patience:
                try:
                    await self._socket.send_message(frame)
                except ConnectionClosed:
                    return  # the reader learns why
            if patience.cancelled_caught:
                await trio.aclose_forcefully(self._socket)
                return

    async def _read(self) -> Disconnected:
        while True:
            try:
                frame = await self._socket.get_message()
            except ConnectionClosed as closed:
                return _why(closed)
            if isinstance(frame, str):
                self._take(frame)

    def _take(self, frame: str) -> None:
        try:
            message = messages.read(frame)
        except orjson.JSONDecodeError:
            return
        match message:
            case Notice():
                self._heard(message)
            case Reply(id=int(key)) if key in self._pending:
                self._pending[key].settle(message)
            case _:
                pass

    def _give_up(self, lost: Disconnected) -> None:
        self.lost = lost
        self._outgoing.close()
        self._to_write.close()
        for pending in self._pending.values():
            if not pending.settled.is_set():
                pending.error = lost
                pending.settled.set()


def _why(closed: ConnectionClosed) -> Disconnected:
    code = closed.reason.code if closed.reason else None
    words = {
        1001: "the daemon stops",
        1006: "the connection broke",
        1009: "a message was too long",
        4001: "the daemon has a new token",
        4008: "this client was too slow",
    }
    said = closed.reason.reason if closed.reason else None
    return Disconnected(said or words.get(code or 1006, f"the daemon closed the connection ({code})"), code)
