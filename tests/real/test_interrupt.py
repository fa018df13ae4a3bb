"""Stop: now, wholly, and only what was meant."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from tests.eventually import eventually
from tests.invariants import check
from tests.watch import Watch

from . import processes
from .script import Script, Silence, says, uses, when
from .scripts import LONG
from .stage import Stage, open_stage

pytestmark = pytest.mark.real

INTERRUPT_SECONDS = 2.0
UNANSWERED_SECONDS = 5.0 + 2.0  # then the agent is given up
STOP_SECONDS = 15.0
SLEEP = "sleep 973"


async def _interrupt(stage: Stage, session: Watch, turn: int, **params: object) -> float:
    """Seconds from the request to the turn's end."""
    begun = trio.current_time()
    answer = await stage.client.request("session/interrupt", sessionId=session.session_id, **params)
    assert answer == {"interrupted": True}
    ended = await session.turn_over(turn)
    assert ended["metadata"]["reason"] == "interrupted"
    assert ended["metadata"]["cause"] == "user"
    return trio.current_time() - begun


async def test_in_a_tool_no_process_of_it_is_left() -> None:
    script = Script(when("wait", uses("Bash", command=SLEEP), says("Waited.")), when("", says("Here I am.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="wait for it", permissionMode="allow-all")
        tool = await processes.until_running(stage.place.marker, SLEEP)
        assert await _interrupt(stage, session, 1) <= INTERRUPT_SECONDS
        await processes.until_gone(tool, INTERRUPT_SECONDS)
        assert not [p.command for p in stage.place.left() if p.command.endswith(SLEEP)]
        await stage.turn(session, "are you there?")
        assert session.said(2) == "Here I am."
        check(session)


async def test_in_a_stream_what_was_said_is_kept() -> None:
    script = Script(when("talk", says(LONG, pieces=400, pace=0.02)), when("", says("Here I am.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1, count=20)
        assert await _interrupt(stage, session, 1) <= INTERRUPT_SECONDS
        said = session.said(1)
        assert said
        assert LONG.startswith(said)
        await stage.turn(session, "are you there?")
        assert session.said(2) == "Here I am."
        check(session)


async def test_while_the_model_is_silent() -> None:
    async with open_stage(Script(when("hang", Silence.HANG))) as stage:
        session = await stage.session(prompt="hang")
        await session.event("turn_started", turn=1)
        await eventually(lambda: stage.model.calls, 10)
        assert await _interrupt(stage, session, 1) <= INTERRUPT_SECONDS
        check(session)


@pytest.mark.parametrize("seconds", [0, 0.3, 0.6, 0.9])
async def test_while_the_agent_begins(seconds: float) -> None:
    async with open_stage(Script(when("talk", says(LONG, pieces=400, pace=0.02)), when("", says("Done.")))) as stage:
        session = await stage.session(prompt="talk")
        await trio.sleep(seconds)
        assert await _interrupt(stage, session, 1) <= INTERRUPT_SECONDS
        await stage.turn(session, "are you there?")
        assert session.said(2) == "Done."
        check(session)


async def test_of_an_agent_that_does_not_answer_ends_it() -> None:
    async with open_stage(Script(when("talk", says(LONG, pieces=400, pace=0.02)), when("", says("Done.")))) as stage:
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        agent = await stage.agent()
        await stage.prompt(session, "talk")
        await session.delta(turn=2)
        os.kill(agent.pid, signal.SIGSTOP)
        assert await _interrupt(stage, session, 2) <= UNANSWERED_SECONDS
        await processes.until_gone(agent, STOP_SECONDS)
        await stage.turn(session, "are you there?")
        assert session.said(3) == "Done."
        check(session)


async def test_drops_the_queue_unless_told_not_to() -> None:
    script = Script(when("talk", says(LONG, pieces=400, pace=0.02)), when("", says("Done.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1)
        dropped = await stage.prompt(session, "never said")
        await _interrupt(stage, session, 1)
        told = await session.event("system", subtype="prompt_dropped")
        assert told["metadata"]["promptId"] == dropped["promptId"]
        assert (await stage.get(session))["queuedPrompts"] == 0
        await stage.prompt(session, "talk again")
        await session.event("turn_started", turn=2)
        await session.delta(turn=2)
        await stage.prompt(session, "kept")
        await _interrupt(stage, session, 2, dropQueue=False)
        ended = await session.turn_over(3)
        assert ended["metadata"]["reason"] == "completed"
        assert "never said" not in str([call.body["messages"] for call in stage.model.calls])
        check(session)


async def test_only_the_turn_that_was_meant() -> None:
    async with open_stage(Script(when("", says(LONG, pieces=100, pace=0.02)))) as stage:
        session = await stage.session()
        idle = await stage.client.request("session/interrupt", sessionId=session.session_id)
        assert idle == {"interrupted": False}
        await stage.prompt(session, "talk")
        await session.delta(turn=1)
        other = await stage.client.request("session/interrupt", sessionId=session.session_id, expectedTurn=7)
        assert other == {"interrupted": False}
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        check(session)
