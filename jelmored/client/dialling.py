"""From an address to an open WebSocket that speaks `jelmored.v1`, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from .addresses import Address, TcpAddress, UnixAddress
from .errors import Rejected
from .groups import alone
from .owning import check

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
MAX_MESSAGE = 16 * 1024 * 1024  # protocol 1, section 2
QUEUE = 64  # frames between the socket and who reads them; past it the socket waits
RECEIVE_BYTES = 64 * 1024


@asynccontextmanager
async def dialled(address: Address) -> AsyncIterator[WebSocketConnection]:
    """An open connection; it is closed with a goodbye, but not a long one.

    Raises:
        OSError: nobody listens there, or nobody answers in time.
        Rejected: the daemon refused (protocol 1, section 1).
        Stranger: we did, for the port is another user's.
    """
    over = trio.Event()
    try:
        with alone():
            async with trio.open_nursery() as nursery:
                stream = await _connect(address)
                try:
                    socket = await _upgrade(await nursery.start(_keep_reading, over), stream, address)
                    try:
                        yield socket
                    finally:
                        await _hang_up(socket)
                finally:
                    over.set()
                    await trio.aclose_forcefully(stream)
    except ConnectionRejected as rejected:
        body = (rejected.body or b"").decode(errors="replace").strip()
        raise Rejected(rejected.status_code, body) from None


async def _keep_reading(over: trio.Event, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """A place for the socket's reader: it reads the daemon's goodbye even when all around it is cancelled.

    The shield ends with `over`, which comes within `CLOSE_SECONDS` of a cancellation.
    """
    with trio.CancelScope(shield=True), alone():
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await over.wait()
            nursery.cancel_scope.cancel()


async def _connect(address: Address) -> trio.SocketStream:
    if isinstance(address, TcpAddress):
        stream = await trio.open_tcp_stream(address.host, address.port)
        try:
            await trio.to_thread.run_sync(check, address, stream.socket, CONNECT_SECONDS, abandon_on_cancel=True)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream
    try:
        return await trio.open_unix_socket(address.path)
    except ValueError as error:  # a path that is longer than the kernel takes
        raise OSError(str(error)) from None


async def _upgrade(nursery: trio.Nursery, stream: trio.SocketStream, address: Address) -> WebSocketConnection:
    with trio.move_on_after(CONNECT_SECONDS):
        return await wrap_client_stream(
            nursery,
            stream,
            "localhost" if isinstance(address, UnixAddress) else str(address),
            "/v1",
            subprotocols=["jelmored.v1"],
            extra_headers=_credentials(address),
            message_queue_size=QUEUE,
            max_message_size=MAX_MESSAGE,
            receive_buffer_size=RECEIVE_BYTES,
        )
    raise TimeoutError(f"no handshake within {CONNECT_SECONDS:g} s")


def _credentials(address: Address) -> list[tuple[bytes, bytes]]:
    if isinstance(address, UnixAddress):
        return []
    return [(b"Authorization", b"Bearer " + address.token.encode())]


async def _hang_up(socket: WebSocketConnection) -> None:
    with trio.move_on_after(CLOSE_SECONDS, shield=True):
        await socket.aclose()
