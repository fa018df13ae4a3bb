"""A daemon, the real agent behind it, a scripted model behind that, and a client: what a test of the whole needs.

async with open_stage(Script(when("hello", says("Hello!")))) as stage:
    session = await stage.session(prompt="hello")
    await session.turn_over(1)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from tests.client_raw import RawClient, connect
from tests.eventually import eventually
from tests.watch import Json, Note, Watch

from . import agents, daemon
from .daemon import Daemon, Place
from .model_server import ModelServer, serving
from .processes import Process
from .script import Script

END_SECONDS = 2.0


@attrs.define(eq=False)
class Stage:
    place: Place
    model: ModelServer
    daemon: Daemon
    client: RawClient

    def agents(self) -> list[Process]:
        """The processes of claude itself, that of a probe too while one looks."""
        program = str(agents.claude())
        return [process for process in self.place.left() if process.command.startswith(program)]

    async def agent(self) -> Process:
        """The only one, once no probe looks any more."""
        (only,) = await eventually(lambda: found if len(found := self.agents()) == 1 else None, 10, self.agents) or []
        return only

    async def session(self, *, prompt: Any = None, **params: Any) -> Watch:
        """A new one, watched from its first event; without a `permissionMode` everything is asked."""
        asked = {"cwd": str(self.place.work), **params}
        if prompt is not None:
            asked["prompt"] = prompt
        created = await self.client.request("session/create", **asked)
        return await self.client.subscribe(created["sessionId"])

    async def prompt(self, session: Watch, prompt: Any, **params: Any) -> Json:
        """Sends a prompt; its receipt."""
        receipt: Json = await self.client.request(
            "session/prompt", sessionId=session.session_id, prompt=prompt, **params
        )
        return receipt

    async def turn(self, session: Watch, prompt: Any) -> Json:
        """Sends a prompt to an idle session and waits for its turn; the turn's end."""
        receipt = await self.prompt(session, prompt)
        assert receipt["disposition"] == "started"
        return await session.turn_over(receipt["turn"])

    async def get(self, session: Watch) -> Json:
        view: Json = await self.client.request("session/get", sessionId=session.session_id)
        return view

    async def resolve(self, session: Watch, option_kind: str, **params: Any) -> Json:
        """Answers the approval that is open, or the next one, by an option of this kind."""
        settled = {e["metadata"]["approvalId"] for e in session.events if e["eventType"] == "approval_resolved"}
        asked = await session.note(lambda note: _asks(note, settled))
        return await self.answer(asked.params, option_kind, **params)

    async def answer(self, asked: Json, option_kind: str, **params: Any) -> Json:
        """Answers the approval of this event."""
        approval = asked["metadata"]
        option = next(o["optionId"] for o in approval["options"] if o["kind"] == option_kind)
        resolved: Json = await self.client.request(
            "approval/resolve", approvalId=approval["approvalId"], optionId=option, **params
        )
        return resolved

    async def history(self, session: Watch) -> list[Json]:
        """The whole log, page by page."""
        events: list[Json] = []
        while True:
            after = events[-1]["seq"] if events else 0
            page = await self.client.request("session/history", sessionId=session.session_id, after=after, limit=50)
            events += page["events"]
            if not page["hasMore"]:
                return events


def _asks(note: Note, settled: Collection[str]) -> bool:
    event = note.params
    return (
        note.is_event and event["eventType"] == "approval_requested" and event["metadata"]["approvalId"] not in settled
    )


@asynccontextmanager
async def alive(
    place: Place, model: ModelServer, configuration: Mapping[str, Any] | None = None, **sections: Any
) -> AsyncIterator[Stage]:
    """One life of a daemon in this place, with a client."""
    chosen = configuration or daemon.configuration(place, model.url, **sections)
    async with daemon.running(place, chosen) as running, connect(place.socket) as client:
        yield Stage(place, model, running, client)


@asynccontextmanager
async def open_place(script: Script) -> AsyncIterator[tuple[Place, ModelServer]]:
    """A place and a model. At the end nothing may run there; when a test fails the daemon's log is shown."""
    async with daemon.new_place() as place, serving(script) as model:
        try:
            yield place, model
            await place.until_empty((), END_SECONDS)
        except BaseException:
            print(place.log.read_text()[-8000:] if place.log.exists() else "no log")
            raise


@asynccontextmanager
async def open_stage(script: Script, **sections: Any) -> AsyncIterator[Stage]:
    """All of it for as long as the body runs."""
    async with open_place(script) as (place, model), alive(place, model, **sections) as stage:
        yield stage
