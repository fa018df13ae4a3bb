"""All connections and the barrier around each: no fault of one reaches another, or the listener.

trio-websocket lets exceptions of its reader, and wsproto those of its decoders, out into the nursery around them; here
that nursery is the connection's own, and what comes out of it is counted and logged.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from functools import partial
from http import HTTPStatus

import attrs
import structlog
import trio
from trio_websocket import ConnectionClosed, wrap_server_stream

from jelmored.actors.running import STOPS, Stop, grace, open_plain_nursery, running_in_order
from jelmored.domain.ids import new_connection_id
from jelmored.errors import leaves

from .connection import Connection, Speaker
from .gate import Guard, House, Refusal, Upgrade, judge
from .head import MAX_HEAD_BYTES
from .metering import MAX_MESSAGE_BYTES
from .principal import Principal, Visitor, peer_of
from .stream import CloseCode, FrameStream

MAX_CLIENTS = 512  # protocol 1, section 1
MAX_WAITING = 256
MAX_CONFINED = 16  # of the clients: an agent that runs wild must not keep its owner out
UPGRADE_SECONDS = 5
CLOSE_SECONDS = 2
STOP_SECONDS = 5

log = structlog.get_logger(__name__)

Judged = Callable[[bytes | None], Awaitable[Upgrade | Refusal]]
"""From the head of a request, if one came, to what becomes of it."""


@attrs.frozen
class Route:
    """What is spoken on a path."""

    subprotocol: str
    speak: Callable[[Connection], Speaker]


@attrs.define(eq=False)
class _Seat:
    """The place of a client. `connection`: once the upgrade is over. `expelled`: it is to go."""

    visitor: Visitor
    connection: Connection | None = None
    expelled: bool = False

    def expel(self) -> None:
        self.expelled = True
        if self.connection is not None:
            self.connection.end(CloseCode.TOKEN, "your token was replaced or revoked")


class Connections:
    """The parent of all connections, upgraded or not. It accepts none itself: see `Listeners`.

    Args:
        routes: by path.
        allowed_origins: web origins that may connect.
    """

    def __init__(self, routes: Mapping[str, Route], *, allowed_origins: Collection[str] = ()) -> None:
        self._routes = routes
        self._house = House(
            subprotocols={path: route.subprotocol for path, route in routes.items()}, allowed_origins=allowed_origins
        )
        self._seats: dict[FrameStream, _Seat] = {}
        self._waiting: dict[trio.CancelScope, None] = {}
        self._nursery: trio.Nursery | None = None
        self._stops: tuple[Stop, ...] = ()
        self._stopping = trio.Event()
        self._gone = trio.Event()
        self.failures: Counter[str] = Counter()
        """How many connections ended by an exception, by its class."""

    def allow_origins(self, origins: Collection[str]) -> None:
        """These web origins may connect from now on, and no others; who is connected stays."""
        self._house = attrs.evolve(self._house, allowed_origins=origins)

    @property
    def allowed_origins(self) -> Collection[str]:
        return self._house.allowed_origins

    @property
    def count(self) -> int:
        """Clients that are connected, or just being let in."""
        return len(self._seats)

    @property
    def nursery(self) -> trio.Nursery:
        """Where `serve` is to be started."""
        if self._nursery is None:
            raise RuntimeError("Connections.run has not started")
        return self._nursery

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; then every client is told (1001), all within `STOP_SECONDS`, or fewer where the stop that
        this is part of has fewer left."""
        self._stopping, self._gone = trio.Event(), trio.Event()
        async with running_in_order([self._shelter], deadline=STOP_SECONDS) as stop:
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                stop.begin()
                with grace(STOP_SECONDS):
                    self._say_goodbye()
                    await self._gone.wait()

    async def _shelter(self, *, task_status: trio.TaskStatus[None]) -> None:
        """The nursery of the connections: it outlives the wish to stop, until they have ended."""
        try:
            async with open_plain_nursery() as self._nursery:
                self._stops = STOPS.get()
                task_status.started()
                await self._stopping.wait()
        finally:
            self._gone.set()

    def expel(self, keys: Collection[bytes]) -> None:
        """Whoever came by one of these tokens goes, also who is just coming in."""
        for seat in self._seats.values():
            if seat.visitor.key in keys:
                seat.expel()

    def _say_goodbye(self) -> None:
        self._stopping.set()
        for scope in self._waiting:
            scope.cancel()
        for seat in self._seats.values():
            if seat.connection is not None:
                seat.connection.end(CloseCode.SHUTDOWN, "the daemon stops")

    async def serve(self, transport: trio.SocketStream, guard: Guard) -> None:
        """One connection from accept to close. Raises nothing."""
        STOPS.set(self._stops)  # a task begins with the context of its listener, but this one stops when we do
        try:
            await self._admit(FrameStream(transport), partial(self._judge, transport, guard))
        except* Exception as errors:  # noqa: BLE001 - the barrier
            self._note(errors)
        finally:
            await trio.aclose_forcefully(transport)

    def _note(self, errors: BaseExceptionGroup[BaseException]) -> None:
        for error in leaves(errors):
            name = type(error).__name__
            self.failures[name] += 1
            log.warning("a connection failed", error=name, times=self.failures[name])
            log.debug("a connection failed", exc_info=error)

    async def _judge(self, transport: trio.SocketStream, guard: Guard, head: bytes | None) -> Upgrade | Refusal:
        """The peer is looked at now: while we waited for its head it may have ended."""
        return await judge(head, peer_of(transport), guard, self._house, full=lambda: self.count >= MAX_CLIENTS)

    async def _admit(self, stream: FrameStream, judged: Judged) -> None:
        try:
            async with trio.open_nursery() as nursery:  # trio-websocket reads in it
                with self._in_line():
                    await self._upgrade(nursery, stream, judged)
                if (seat := self._seats.get(stream)) is not None and seat.connection is not None:
                    await self._talk(seat.connection)
                nursery.cancel_scope.cancel()
            if stream in self._seats:
                with grace(CLOSE_SECONDS):
                    await stream.linger()
        finally:
            self._seats.pop(stream, None)

    @contextlib.contextmanager
    def _in_line(self) -> Iterator[None]:
        """A place among those not yet upgraded; the oldest one makes room."""
        if len(self._waiting) >= MAX_WAITING:
            next(iter(self._waiting)).cancel()
        with trio.move_on_after(UPGRADE_SECONDS) as scope:
            self._waiting[scope] = None
            try:
                yield
            finally:
                del self._waiting[scope]

    async def _upgrade(self, nursery: trio.Nursery, stream: FrameStream, judged: Judged) -> None:
        with contextlib.suppress(trio.BrokenResourceError, ConnectionClosed):  # it has left already
            verdict = self._bounded(await judged(await stream.head(MAX_HEAD_BYTES)))
            if isinstance(verdict, Refusal):
                await stream.send_all(verdict.encode())
                await stream.linger()
            else:
                seat = self._seats[stream] = _Seat(verdict.visitor)
                seat.connection = await _accept(nursery, stream, verdict, lambda: self.count)
                if seat.expelled:
                    seat.expel()

    def _bounded(self, verdict: Upgrade | Refusal) -> Upgrade | Refusal:
        if isinstance(verdict, Upgrade) and verdict.visitor.confined:
            confined = sum(bool(seat.visitor.confined) for seat in self._seats.values())
            if confined >= MAX_CONFINED:
                return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients that are an agent's processes")
        return verdict

    async def _talk(self, connection: Connection) -> None:
        try:
            await connection.run(self._routes[connection.path].speak)
        finally:
            with grace(CLOSE_SECONDS):
                await connection.close()


async def _accept(
    nursery: trio.Nursery, stream: FrameStream, verdict: Upgrade, clients: Callable[[], int]
) -> Connection:
    request = await wrap_server_stream(nursery, stream, max_message_size=MAX_MESSAGE_BYTES)
    ws = await request.accept(subprotocol=verdict.subprotocol)
    principal = Principal(
        connection_id=new_connection_id(),
        client="unnamed",  # until `initialize`
        visitor=verdict.visitor,
    )
    return Connection(principal, ws, stream, path=verdict.path, clients=clients)
