"""Two providers behind one daemon, each with an account, a real agent and a scripted model of its own.

async with open_pair(Script(when("", fails(500))), Script(when("", says("Here I am.")))) as pair:
    session = await pair.session(prompt="hello")
    await session.turn_over(1)
"""

from __future__ import annotations

import enum
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
from .script import Answer, Script, uses
from .stage import END_SECONDS, Stage

FIRST, SECOND = "first", "second"


class Agent(enum.Enum):
    """What the two providers may be."""

    CLAUDE = "claude"
    OPENCODE = "opencode"

    def shell(self, command: str) -> Answer:
        """Its model runs this."""
        return uses("Bash" if self is Agent.CLAUDE else "bash", command=command, description="a command")

    def settings(self, place: Place, provider: str, url: str) -> Json:
        """Of one with a home of its own, led to the model at this URL."""
        name, _, value = place.marker.partition("=")
        if self is Agent.OPENCODE:
            return {
                "type": "opencode",
                "opencode_bin": str(agents.opencode()),
                "default_model": agents.OPENCODE_MODEL,
                "opencode_config": agents.opencode_models(url),
                "environment": {name: value},
            }
        home = home_of(place, provider)
        account = {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude"), name: value}
        return {
            "type": "claude",
            "claude_bin": str(binary_of(place, provider)),
            "environment": {**agents.model_environment(url), **account},
        }


def home_of(place: Place, provider: str) -> Path:
    return place.root / provider


def binary_of(place: Place, provider: str) -> Path:
    """A link to the agent that may be taken away."""
    return home_of(place, provider) / "claude"


class Endpoint:
    """A scripted model whose server can go away, so that its port refuses connections, and come back."""

    def __init__(self, script: Script) -> None:
        self.model = ModelServer(script)
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery
        self._held: socket.socket | None = None
        self._gone = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            async with trio.open_nursery() as self._nursery:
                await self._nursery.start(self._serve)
                task_status.started()
                await trio.sleep_forever()  # it may come back
        finally:
            if self._held is not None:
                self._held.close()

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
    """A stage with two providers. `model` is the first one's."""

    first: Endpoint
    second: Endpoint

    async def provider(self, name: str) -> Json:
        view: Json = await self.client.request("provider/get", name=name)
        return view

    async def move(self, session: Watch, **params: Any) -> Json:
        moved: Json = await self.client.request("session/move", sessionId=session.session_id, **params)
        return moved


@attrs.frozen
class House:
    """Where a daemon with two providers lives. It stays the same when the daemon is started again."""

    place: Place
    first: Endpoint
    second: Endpoint
    agents: tuple[Agent, Agent]

    @asynccontextmanager
    async def alive(self, **sections: Any) -> AsyncIterator[Pair]:
        """One life of a daemon, with a client. `sections`: of the configuration; `first={…}` is `[providers.first]`."""
        async with (
            daemon.running(self.place, self._configuration(sections)) as running,
            connect(self.place.socket) as client,
        ):
            yield Pair(self.place, self.first.model, running, client, self.first, self.second)

    def _configuration(self, sections: Json) -> Mapping[str, Any]:
        providers = {}
        for name, agent, endpoint in zip((FIRST, SECOND), self.agents, (self.first, self.second), strict=True):
            usual, more = agent.settings(self.place, name, endpoint.model.url), sections.pop(name, {})
            environment = {**usual["environment"], **more.get("environment", {})}
            providers[name] = {**usual, **more, "environment": environment}
        return {"notify": {"desktop": False}, "default_provider": FIRST, **sections, "providers": providers}


@asynccontextmanager
async def open_house(
    first: Script, second: Script, agents_of: tuple[Agent, Agent] = (Agent.CLAUDE, Agent.CLAUDE)
) -> AsyncIterator[House]:
    """Both models. At the end nothing may run there; when a test fails the daemon's log is shown."""
    async with daemon.new_place() as place, trio.open_nursery() as nursery:
        house = House(place, Endpoint(first), Endpoint(second), agents_of)
        for name, endpoint in ((FIRST, house.first), (SECOND, house.second)):
            await nursery.start(endpoint.run)
            home_of(place, name).mkdir()
            binary_of(place, name).symlink_to(agents.claude())
        try:
            yield house
            await place.until_empty((), END_SECONDS)
        except BaseException:
            print(place.log.read_text()[-8000:] if place.log.exists() else "no log")
            raise
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_pair(
    one: Script, other: Script, agents_of: tuple[Agent, Agent] = (Agent.CLAUDE, Agent.CLAUDE), /, **sections: Any
) -> AsyncIterator[Pair]:
    """All of it for as long as the body runs."""
    async with open_house(one, other, agents_of) as house, house.alive(**sections) as pair:
        yield pair
