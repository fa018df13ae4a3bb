"""The connection to the daemon as a client needs it: mended when it breaks, and requests that outlive the break."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import trio

from jelmored import __version__
from jelmored.wire import codec
from jelmored.wire.messages import PROTOCOL_VERSION, ClientCapabilities, ClientInfo, Initialize, Welcome

from .addresses import Address
from .connection import Connection, Told
from .dialling import dialled
from .errors import ClientError, Disconnected, NoDaemon
from .finding import Finder
from .groups import alone
from .hearing import Hearing

FIRST_DELAY, LAST_DELAY = 0.05, 1.0


class Link:
    """One connection after the other.

    Args:
        finder: where the daemon is.
        name: of the program, as the daemon and other clients see it.
        deltas: whether streaming text is of use.
        reconnect_seconds: how long a lost connection is tried again.
    """

    def __init__(self, finder: Finder, name: str, *, deltas: bool, reconnect_seconds: float) -> None:
        self._finder = finder
        self._hello = Initialize(
            protocol_version=PROTOCOL_VERSION,
            client_info=ClientInfo(name=name, version=__version__),
            capabilities=ClientCapabilities(deltas=deltas),
        )
        self._reconnect_seconds = reconnect_seconds
        self._connection: Connection | None = None
        self._gone: ClientError | None = None
        self._changed = trio.Event()
        self.hearing = Hearing()
        self.welcome: Welcome | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected; started once the daemon has said hello, returns when it is gone for good.

        Raises:
            ClientError: there never was a connection.
        """
        try:
            await self._finder.prepare()
            await self._talk_within(self._finder.patience, task_status)
            while True:
                await trio.sleep(FIRST_DELAY)  # a daemon that hangs up on each hello is not to be hammered
                await self._talk_within(self._reconnect_seconds, trio.TASK_STATUS_IGNORED)
        except ClientError as gone:
            if self.welcome is None:
                raise
            self._gone = Disconnected(str(gone)) if isinstance(gone, NoDaemon) else gone
            self._is(None)

    async def call(
        self, method: str, params: Mapping[str, Any], *, again: bool = True, told: Told | None = None
    ) -> Any:
        """See `Client.call`."""
        while True:
            connection = await self._connected()
            try:
                return await connection.request(method, params, told)
            except Disconnected:
                if not again or connection.lost is None:  # it is there, only this reply did not come
                    raise

    async def _connected(self) -> Connection:
        while self._connection is None or self._connection.lost is not None:
            if self._gone is not None:
                raise self._gone
            await self._changed.wait()
        return self._connection

    async def _talk_within(self, seconds: float, task_status: trio.TaskStatus[None]) -> None:
        """Connect within so many seconds, then talk until the connection is lost."""
        end, delay = trio.current_time() + seconds, FIRST_DELAY
        while True:
            try:
                return await self._talk(self._finder.find(), task_status)
            except (OSError, NoDaemon, Disconnected) as error:
                if trio.current_time() + delay > end:
                    account = await self._finder.account()
                    raise NoDaemon(f"the daemon can't be reached: {error}{account and '; ' + account}") from None
            await trio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY)

    async def _talk(self, address: Address, task_status: trio.TaskStatus[None]) -> None:
        """One connection's life; returns when it is lost.

        Raises:
            OSError: nobody answers.
            Disconnected: it was lost before the daemon said hello.
        """
        async with dialled(address) as socket:
            connection = Connection(socket, self.hearing.hear)
            try:
                with alone():
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._greet, connection, task_status)
                        lost = await connection.run()
            finally:
                self._is(None)
        self.hearing.lost(str(lost))

    async def _greet(self, connection: Connection, task_status: trio.TaskStatus[None]) -> None:
        reply = await connection.request("initialize", codec.to_json(self._hello))
        self.welcome = codec.from_json(reply, Welcome)
        self._is(connection)
        task_status.started()

    def _is(self, connection: Connection | None) -> None:
        self._connection = connection
        self._changed.set()
        self._changed = trio.Event()


def new_key() -> str:
    """A requestKey that nobody else has: what is asked again with it still counts once."""
    return secrets.token_urlsafe(16)
