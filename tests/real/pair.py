"""Two accounts behind one daemon: two providers, each a real claude with a home and a scripted model of its own.

async with open_pair(Script(when("", fails(500))), Script(when("", says("Here I am.")))) as pair:
    session = await pair.session(prompt="hello")
    await session.turn_over(1)
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.client_raw import connect
from tests.watch import Json, Watch

from . import agents, daemon
from .daemon import Place
from .model_server import ModelServer
from .script import Script
from .stage import END_SECONDS, Stage

FIRST, SECOND = "claude", "second"


class Endpoint:
    """A scripted model whose server can go away, so that its port refuses connections, and come back."""

    def __init__(self, script: Script) -> None:
        self.model = ModelServer(script)
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery
        self._held: socket.socket | None = None
        self._gone = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as self._nursery:
            await self._nursery.start(self._serve)
            task_status.started()

    async def _serve(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            with trio.CancelScope() as self._scope:
                await self.model.run(task_status=task_status)
        finally:
            self._gone.set()

    @property
    def port(self) -> int:
        return int(self.model.url.rpartition(":")[2])

    async def go_away(self) -> None:
        """From now on its port refuses; what is connected is cut."""
        self._scope.cancel()
        await self._gone.wait()
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", self.port))

    async def come_back(self) -> None:
        """It is there again, at the same port."""
        assert self._held is not None
        self._held.close()
        self.model.port, self._gone = self.port, trio.Event()
        await self._nursery.start(self._serve)


@attrs.define(eq=False)
class Pair(Stage):
    """A stage with a second provider. `model` is the first one's."""

    first: Endpoint
    second: Endpoint

    async def provider(self, name: str) -> Json:
        view: Json = await self.client.request("provider/get", name=name)
        return view

    async def move(self, session: Watch, **params: Any) -> Json:
        moved: Json = await self.client.request("session/move", sessionId=session.session_id, **params)
        return moved

    @property
    def binary(self) -> Path:
        """The first provider's agent: a link that may be taken away."""
        return binary_of(self.place)


def binary_of(place: Place) -> Path:
    return place.root / "bin" / "claude"


def configuration(place: Place, first: str, second: str, /, **sections: Any) -> Mapping[str, Any]:
    """The first provider stands alone in its own; the second has another home and another key.

    Args:
        first: the URL of its model.
        second: likewise.
        sections: as in `daemon.configuration`; `second={…}` is `[providers.second]`.
    """
    other = dict(sections.pop("second", {}))
    base = dict(daemon.configuration(place, first, **sections))
    name, _, value = place.marker.partition("=")
    home = place.root / "second"
    environment = {**agents.model_environment(second), name: value, "HOME": str(home)}
    environment |= {"CLAUDE_CONFIG_DIR": str(home / ".claude"), "ANTHROPIC_API_KEY": "sk-ant-second"}
    settings = {
        **{"type": "claude", "claude_bin": str(agents.claude())},
        **other,
        "environment": {**environment, **other.get("environment", {})},
    }
    return {**base, "providers": {**base["providers"], SECOND: settings}}


@asynccontextmanager
async def living(place: Place, first: Endpoint, second: Endpoint, /, **sections: Any) -> AsyncIterator[Pair]:
    """One life of a daemon over both, with a client."""
    chosen = configuration(place, first.model.url, second.model.url, **sections)
    async with daemon.running(place, chosen) as running, connect(place.socket) as client:
        yield Pair(place, first.model, running, client, first, second)


@asynccontextmanager
async def open_pair_place(first: Script, second: Script) -> AsyncIterator[tuple[Place, Endpoint, Endpoint]]:
    """A place and both models. At the end nothing may run there; when a test fails the daemon's log is shown."""
    async with daemon.new_place() as place, trio.open_nursery() as nursery:
        endpoints = Endpoint(first), Endpoint(second)
        for endpoint in endpoints:
            await nursery.start(endpoint.run)
        (place.root / "second").mkdir()
        binary_of(place).parent.mkdir()
        binary_of(place).symlink_to(agents.claude())
        try:
            yield place, *endpoints
            await place.until_empty((), END_SECONDS)
        except BaseException:
            print(place.log.read_text()[-8000:] if place.log.exists() else "no log")
            raise
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_pair(first: Script, second: Script, /, **sections: Any) -> AsyncIterator[Pair]:
    """All of it for as long as the body runs."""
    async with open_pair_place(first, second) as (place, *endpoints), living(place, *endpoints, **sections) as pair:
        yield pair
