"""A session is put down here and goes on in another daemon: numbers, usage, and what its agent knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.client_raw import RpcError
from tests.eventually import eventually
from tests.watch import Json, Watch

from . import daemon
from .conversation import Conversation
from .daemon import Place
from .script import Line, Script, says, uses, when
from .stage import END_SECONDS, Stage, alive, open_place

pytestmark = pytest.mark.real

FIRST = 60.0  # seconds: OpenCode's server is started, and takes up the directory
SECRET = "the parrot is called Coco"


@attrs.frozen(kw_only=True)
class Neighbour(Place):
    """Where a second daemon lives, with a state directory of its own. `home`: of its agents."""

    host: Place
    own_home: bool

    @property
    def home(self) -> Path:
        return self.root / "home" if self.own_home else self.host.home

    @property
    def work(self) -> Path:
        return self.host.work


@asynccontextmanager
async def open_neighbour(host: Place, *, own_home: bool) -> AsyncIterator[Neighbour]:
    """Beside another place, in its directory; nothing may run there at the end."""
    root = host.root / "b"
    for directory in (root, root / "home", root / "tmp"):
        directory.mkdir()
    place = Neighbour(root, host=host, own_home=own_home)
    try:
        yield place
        await place.until_empty((), END_SECONDS)
    except BaseException:
        print(place.log.read_text()[-8000:] if place.log.exists() else "no log")
        raise


def _script() -> Script:
    return Script(
        when("what do you know", _recites),
        when("make a file", uses("Bash", command="touch made"), says("Made it.")),
        when("", says("Noted.")),
    )


def _recites(conversation: Conversation) -> Line:
    """Only a conversation that is really there, or was told, can know it."""
    return says(" / ".join(conversation.human[:-1]))


async def _two_turns(stage: Stage) -> Watch:
    session = await stage.session(prompt=SECRET, name="job", title="The job")
    await session.turn_over(1)
    await stage.turn(session, "the cat is called Tom")
    return session


async def _suspend(stage: Stage, session: Watch) -> Json:
    state: Json = (await stage.client.request("session/suspend", sessionId=session.session_id))["state"]
    return state


async def _resume(stage: Stage, **params: Any) -> Json:
    view: Json = await stage.client.request("session/resume", **params)
    return view


async def _knows(stage: Stage, session: Watch) -> str:
    ended = await stage.turn(session, "what do you know?")
    assert ended["metadata"]["reason"] == "completed", ended
    return session.said(ended["turn"])


@pytest.mark.parametrize("own_home", [False, True], ids=["the same home", "another home"])
async def test_it_goes_on_in_another_daemon_with_what_it_knows(own_home: bool) -> None:
    async with (
        open_place(_script()) as (place, model),
        open_neighbour(place, own_home=own_home) as neighbour,
        alive(place, model) as here,
    ):
        session = await _two_turns(here)
        agent = await here.agent()
        before = await here.get(session)
        state = await _suspend(here, session)
        assert not agent.alive
        await eventually(lambda: not here.agents(), 10, here.agents)
        assert (await here.get(session))["status"] == "suspended"
        assert await _suspend(here, session) == state
        assert before["usage"]["outputTokens"] > 0
        async with alive(neighbour, model) as there:
            calls = len(model.calls)
            view = await _resume(there, state=state)
            assert (view["sessionId"], view["status"], view["turn"]) == (session.session_id, "idle", 2)
            assert (view["name"], view["title"], view["usage"]) == ("job", "The job", before["usage"])
            moved = await there.client.subscribe(session.session_id)
            assert moved.reply["oldest"] == before["seq"] + 2  # behind the suspension
            assert SECRET in await _knows(there, moved)
            assert SECRET in str(model.calls[calls].body["messages"][0])
            assert [event["seq"] for event in moved.events] == list(
                range(moved.reply["oldest"], moved.events[-1]["seq"] + 1)
            )
            after = await there.get(moved)
            assert after["turn"] == 3
            assert after["usage"]["outputTokens"] > before["usage"]["outputTokens"]
            ended = await there.turn(moved, "the dog is called Rex")
            assert ended["turn"] == 4
            told = await _knows(there, moved)
            assert told.index("Coco") < told.index("Rex")
        assert (await here.get(session))["status"] == "suspended"  # it stayed as it was


async def test_it_goes_on_here_by_a_prompt_or_by_its_state_also_after_a_restart() -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session = await _two_turns(stage)
            await _suspend(stage, session)
            assert await _knows(stage, session) == f"{SECRET} / the cat is called Tom"
            state = await _suspend(stage, session)
        async with alive(place, model) as stage:
            assert (await _resume(stage, state=state))["status"] == "idle"
            again = await stage.client.subscribe(session.session_id)
            assert SECRET in await _knows(stage, again)
            assert [event["seq"] for event in again.events] == list(range(1, len(again.events) + 1))
            with pytest.raises(RpcError) as no:
                await _resume(stage, state=state)
            assert no.value.kind == "state-invalid"


@pytest.mark.parametrize("provider", ["claude", pytest.param("opencode", marks=pytest.mark.soak)])
async def test_an_export_between_turns_has_what_the_agent_keeps(provider: str) -> None:
    make = daemon.configuration if provider == "claude" else daemon.opencode_configuration
    async with (
        open_place(_script()) as (place, model),
        open_neighbour(place, own_home=True) as neighbour,
        alive(place, model, make(place, model.url)) as here,
        alive(neighbour, model, make(neighbour, model.url)) as there,
    ):
        session = await here.session(prompt=SECRET)
        await session.turn_over(1, FIRST)
        state = await _export_with_record(here, session)
        assert (await here.get(session))["attached"]
        await _resume(there, state=state)
        moved = await there.client.subscribe(session.session_id)
        restored = await moved.event("system", subtype="restored")
        assert restored["metadata"]["memory"] == "record"
        await there.prompt(moved, "what do you know?")
        ended = await moved.turn_over(2, FIRST)
        assert moved.said(ended["turn"]) == SECRET
        assert await _knows(here, session) == SECRET, "here it goes on"


async def _export_with_record(stage: Stage, session: Watch) -> Json:
    """Claude writes the end of its record a moment after its turn."""
    for _ in range(50):
        state: Json = (await stage.client.request("session/export", sessionId=session.session_id))["state"]
        if state.get("record") is not None:
            return state
        await trio.sleep(0.1)
    raise AssertionError("no record")


async def test_in_a_turn_nothing_is_suspended_and_an_export_is_closed_as_cut() -> None:
    async with (
        open_place(_script()) as (place, model),
        open_neighbour(place, own_home=True) as neighbour,
        alive(place, model) as here,
        alive(neighbour, model) as there,
    ):
        session = await _two_turns(here)
        await here.prompt(session, "make a file")
        await session.event("approval_requested", turn=3)
        with pytest.raises(RpcError) as no:
            await _suspend(here, session)
        assert no.value.kind == "busy"
        exported = await here.client.request("session/export", sessionId=session.session_id)
        events = await here.history(session)
        begun = await there.client.request("session/import", state=exported["state"])
        kept = [event for event in events if event["seq"] <= exported["head"]]
        assert begun == {"sessionId": session.session_id, "next": 1, "head": exported["head"]}
        await there.client.request("session/import", sessionId=session.session_id, events=kept)
        view = await there.client.request("session/import", sessionId=session.session_id, last=True)
        assert (view["status"], view["turn"], view["pendingApprovals"]) == ("idle", 3, 0)
        moved = await there.client.subscribe(session.session_id)
        ended = await moved.turn_over(3)
        assert ended["metadata"]["reason"] == "interrupted"
        assert moved.events[: len(kept)] == kept
        assert "Coco" in await _knows(there, moved)
        await here.resolve(session, "allow_once")  # and here it goes on
        assert (await session.turn_over(3))["metadata"]["reason"] == "completed"


async def _bring(there: Stage, moved: Watch, here: Stage) -> Json:
    """It is put down there, and goes on here with all that happened there; what was told of that here."""
    state = await _suspend(there, moved)
    assert state["record"]
    begun = await here.client.request("session/import", state=state)
    last = begun["head"]
    events = [event for event in await there.history(moved) if begun["next"] <= event["seq"] <= last]
    await here.client.request("session/import", sessionId=moved.session_id, events=events)
    view: Json = await here.client.request("session/import", sessionId=moved.session_id, last=True)
    assert (view["status"], view["usage"]) == ("idle", state["facts"]["usage"])
    return view


@pytest.mark.parametrize(
    "own_home", [pytest.param(False, id="the same home", marks=pytest.mark.soak), pytest.param(True, id="another home")]
)
async def test_it_comes_back_with_what_it_was_told_in_both(own_home: bool) -> None:
    async with (
        open_place(_script()) as (place, model),
        open_neighbour(place, own_home=own_home) as neighbour,
        alive(place, model) as here,
        alive(neighbour, model) as there,
    ):
        session = await here.session(prompt=SECRET, name="job")
        await session.turn_over(1)
        was = await here.get(session)
        await _resume(there, state=await _suspend(here, session))
        moved = await there.client.subscribe(session.session_id)
        await there.turn(moved, "the cat is called Tom")
        view = await _bring(there, moved, here)
        assert (view["logId"], view["turn"], view["name"]) == (was["logId"], 2, "job")
        told = await session.event("system", subtype="restored", after=moved.events[-1]["seq"])
        assert told["metadata"]["memory"] == "record"
        assert await _knows(here, session) == f"{SECRET} / the cat is called Tom"
        await here.turn(session, "the dog is called Rex")
        await _bring(here, session, there)
        assert (await _knows(there, moved)).endswith("what do you know? / the dog is called Rex")
        await there.turn(moved, "the cow is called Ada")
        await _bring(there, moved, here)
        known = await _knows(here, session)
        assert all(known.count(name) == 1 for name in ("Coco", "Tom", "Rex", "Ada"))
        assert [event["seq"] for event in session.events] == list(range(1, session.events[-1]["seq"] + 1))
        assert not [event for event in session.events if "foreign" in str(event["metadata"])]
        homes = {place.home, neighbour.home}
        transcripts = [path for home in homes for path in home.glob(".claude/projects/*/*.jsonl")]
        assert len(transcripts) == len(homes), "each has the same one conversation"
