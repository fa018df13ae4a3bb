"""The server that the sessions of a provider share: our own, as a child, or one that runs already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from jelmored.actors.running import open_plain_nursery, running
from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError, SessionError
from jelmored.process.child import Child

from .client import OpencodeClient
from .launch import USER, Launch
from .streams import Directories
from .surroundings import Surroundings

STARTING = 30.0  # s until it says where it listens; measured: 1.4 to 3.3
READY = b"opencode server listening on "


@attrs.frozen(eq=False)
class Server:
    """One that answers. `surroundings`: of a server of ours, which nobody else uses and which has our configuration."""

    client: OpencodeClient
    version: str
    surroundings: Surroundings | None
    directories: Directories

    @property
    def ours(self) -> bool:
        return self.surroundings is not None

    @classmethod
    def of(cls, client: OpencodeClient, version: str, surroundings: Surroundings | None = None) -> Server:
        return cls(client, version, surroundings, Directories(client, ours=surroundings is not None))


class Berth:
    """Where the server of a provider is found, while there is one. It comes and goes."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._failure: ProviderError | None = None
        self._changed = trio.Event()

    async def server(self, within: float) -> Server:
        """The one that is there, or will be within so many seconds.

        Raises:
            ProviderError: why there is none.
        """
        with trio.move_on_after(within):
            while self._server is None:
                if self._failure is not None and self._failure.kind is not ErrorKind.AGENT_CRASHED:
                    raise self._failure
                await self._changed.wait()
            return self._server
        raise self._failure or ProviderUnavailableError(
            ErrorKind.UNAVAILABLE, f"the OpenCode server was not up within {within:g} s"
        )

    def lacks(self, failure: ProviderError) -> None:
        """There is none, and this is why."""
        self._failure = failure
        self._tell()

    @asynccontextmanager
    async def holding(self, server: Server) -> AsyncIterator[None]:
        """This one is there, for as long as the body runs."""
        async with running(server.directories.run):
            self._server, self._failure = server, None
            self._tell()
            try:
                yield
            finally:
                self._server = None

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def serve(launch: Launch, berth: Berth, *, name: str) -> None:
    """Run our own server, until it ends or we are cancelled. Nothing of it is left then: its tools run in sessions of
    their own, and the warden knows them all. It dies the same death by any signal, so it is not asked to end.

    Raises:
        ProviderError: it could not be started, or ended by itself.
    """
    child = Child(launch.command, name=name)
    async with open_plain_nursery() as nursery:
        await nursery.start(child.run)
        await _until_listening(child)
        async with OpencodeClient(launch.url, (USER, launch.password)) as client:
            version = await client.version()
            await trio.to_thread.run_sync(launch.home.settle_plugin, version)
            async with berth.holding(Server.of(client, version, launch.home.surroundings)):
                while await child.read_lines():
                    pass
                raise await _fallen(child)


async def attach(url: str, password: str, berth: Berth) -> None:
    """Use a server that runs already, until we are cancelled.

    Raises:
        ProviderError: it is not there, has another password, or lets anybody in.
    """
    await _refuse_open(url)
    async with (
        OpencodeClient(url, (USER, password)) as client,
        berth.holding(Server.of(client, await client.version())),
    ):
        await trio.sleep_forever()


async def _refuse_open(url: str) -> None:
    async with OpencodeClient(url, None) as stranger:
        try:
            await stranger.version()
        except ProviderError as error:
            if error.kind is ErrorKind.AUTH_REQUIRED:
                return
            raise
    raise ProviderUnavailableError(
        ErrorKind.AUTH_REQUIRED,
        f"the OpenCode server at {url} wants no password: any program here, and any page in a browser, may use it",
        remedy="start it with OPENCODE_SERVER_PASSWORD, and set api_key of the provider to the same",
    )


async def _until_listening(child: Child) -> None:
    with trio.move_on_after(STARTING):
        while lines := await child.read_lines():
            if any(line.startswith(READY) for line in lines):
                return
        raise await _fallen(child)
    raise ProviderUnavailableError(
        ErrorKind.UNAVAILABLE, f"the OpenCode server did not get ready within {STARTING:.0f} s", evidence=_seen(child)
    )


async def _fallen(child: Child) -> SessionError:
    exit_ = await child.wait()
    how = f"signal {exit_.signal}" if exit_.signal else f"exit code {exit_.code}"
    return SessionError(ErrorKind.AGENT_CRASHED, f"the OpenCode server ended by itself ({how})", evidence=_seen(child))


def _seen(child: Child) -> dict[str, str]:
    return {"stderrTail": child.stderr_tail[-2000:]}
