"""Agents are closed when nobody needs them and taken up again by the next prompt, with all they knew."""

from __future__ import annotations

import pytest

from tests.eventually import eventually
from tests.invariants import check
from tests.watch import Watch

from . import processes
from .script import Script, recalls, says, uses, when
from .scripts import LONG
from .stage import Stage, open_stage

pytestmark = pytest.mark.real

SLEEP = "sleep 975"


def _script() -> Script:
    return Script(
        when("first thing", recalls),
        when("wait", uses("Bash", command=SLEEP), says("Waited.")),
        when("talk", says(LONG, pieces=200, pace=0.02)),
        when("", says("Noted.")),
    )


async def _asleep(stage: Stage, session: Watch) -> None:
    """Its agent is closed, and clients are told so."""
    begun = len(session.notes)
    await eventually(lambda: not stage.agents(), 10, stage.agents)
    await session.note(
        lambda note: note.method == "session/changed" and note.params["session"]["attached"] is False, after=begun
    )
    assert (await stage.get(session))["status"] == "idle"


async def test_an_idle_session_falls_asleep_and_wakes_with_its_memory() -> None:
    async with open_stage(_script(), sessions={"hibernate_after": 1}) as stage:
        session = await stage.session(prompt="my parrot is called Coco")
        await session.turn_over(1)
        await _asleep(stage, session)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(2) == "The first thing you told me was: my parrot is called Coco"
        assert len(stage.agents()) == 1
        await _asleep(stage, session)
        check(session)


async def test_the_model_stays_the_same_over_a_sleep() -> None:
    async with open_stage(_script(), sessions={"hibernate_after": 1}) as stage:
        session = await stage.session(prompt="hello", model="haiku")
        await session.turn_over(1)
        before = (await stage.get(session))["model"]
        await _asleep(stage, session)
        await stage.turn(session, "hello again")
        assert (await stage.get(session))["model"] == before
        assert {call.body["model"] for call in stage.model.calls} == {"claude-haiku-4-5-20251001"}


@pytest.mark.parametrize("name", ["with space", "wörk_dir.v2", "x" * 120, "日本"])
async def test_the_agent_finds_its_session_again_in_any_directory(name: str) -> None:
    async with open_stage(_script(), sessions={"hibernate_after": 1}) as stage:
        directory = stage.place.root / name
        directory.mkdir()
        session = await stage.session(prompt="my parrot is called Coco", cwd=str(directory))
        await session.turn_over(1)
        await _asleep(stage, session)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(2) == "The first thing you told me was: my parrot is called Coco"
        check(session)


async def test_nobody_sleeps_in_a_turn() -> None:
    async with open_stage(_script(), sessions={"hibernate_after": 1}) as stage:
        session = await stage.session(prompt="talk")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        check(session)


async def test_when_the_places_are_full_the_idle_one_makes_room_and_comes_back() -> None:
    async with open_stage(_script(), claude={"max_concurrent_sessions": 1}) as stage:
        first = await stage.session(prompt="my parrot is called Coco")
        await first.turn_over(1)
        second = await stage.session(prompt="my cat is called Tom")
        await second.turn_over(1)
        assert len(stage.agents()) == 1
        assert (await stage.get(first))["attached"] is False
        for session, fact in ((first, "my parrot is called Coco"), (second, "my cat is called Tom")):
            await stage.turn(session, "what was the first thing I told you?")
            assert session.said(2) == f"The first thing you told me was: {fact}"
            check(session)
        provider = await stage.client.request("provider/get", name="claude")
        assert provider["runs"] == {"active": 1, "max": 1}


async def test_when_the_places_are_full_of_work_the_next_one_is_told_and_waits() -> None:
    async with open_stage(_script(), claude={"max_concurrent_sessions": 1}) as stage:
        first = await stage.session(prompt="wait", permissionMode="allow-all")
        await processes.until_running(stage.place.marker, SLEEP)
        second = await stage.session(prompt="hello")
        told = await second.event("system", turn=1, subtype="waiting_for_place")
        assert "claude" in told["content"]
        await stage.client.request("session/interrupt", sessionId=first.session_id)
        await first.turn_over(1)
        await second.turn_over(1)
        assert second.said(1) == "Noted."
        check(first)
        check(second)


async def test_who_waits_for_a_place_can_be_interrupted() -> None:
    async with open_stage(_script(), claude={"max_concurrent_sessions": 1}) as stage:
        await stage.session(prompt="wait", permissionMode="allow-all")
        await processes.until_running(stage.place.marker, SLEEP)
        second = await stage.session(prompt="hello")
        await second.event("system", turn=1, subtype="waiting_for_place")
        await stage.client.request("session/interrupt", sessionId=second.session_id)
        ended = await second.turn_over(1)
        assert ended["metadata"]["reason"] == "interrupted"
        check(second)
