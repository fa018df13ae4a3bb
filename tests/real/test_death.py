"""Sudden ends: of the daemon, of the agent. Nothing is left running, nothing that was told is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import trio

from tests.invariants import check
from tests.watch import Watch

from . import processes
from .middles import in_a_stream, in_a_tool, in_an_approval
from .processes import Process
from .script import Script, recalls, says, uses, when
from .scripts import LONG
from .stage import Stage, alive, open_place, open_stage

pytestmark = pytest.mark.real

LEFT_SECONDS = 2.0
SLEEP = "sleep 974"

Begin = Callable[[Stage, Watch], Awaitable[None]]
"""Begins turn 2 and is back in the middle of it."""


def _script() -> Script:
    return Script(
        when("first thing", recalls),
        when("wait", uses("Bash", command=SLEEP), says("Waited.")),
        when("talk", says(LONG, pieces=400, pace=0.02)),
        when("ask", uses("Bash", command="touch made"), says("Made.")),
        when("", says("Noted.")),
    )


async def _in_a_tool(stage: Stage, session: Watch) -> None:
    await in_a_tool(stage, session, SLEEP)


@pytest.mark.parametrize(("begin", "mode"), [(_in_a_tool, "allow-all"), (in_a_stream, "ask"), (in_an_approval, "ask")])
async def test_of_the_daemon(begin: Begin, mode: str) -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session, _ = await _after_a_turn(stage, mode)
            await begin(stage, session)
            family = stage.daemon.family()
            assert len(family) > 2, "the daemon, a warden, the agent at least"
            known = dict(session.frames)
            await stage.daemon.kill()
            await place.until_empty(family, LEFT_SECONDS)
        async with alive(place, model) as stage:
            (listed,) = (await stage.client.request("session/list"))["sessions"]
            assert listed["sessionId"] == session.session_id
            assert listed["status"] == "idle"
            again = await stage.client.subscribe(session.session_id)
            await again.caught_up()
            assert {seq: again.frames[seq] for seq in known} == known
            assert again.reply["logId"] == session.reply["logId"]
            ended = await again.turn_over(2)
            assert ended["metadata"]["reason"] == "interrupted"
            assert ended["metadata"]["cause"] == "daemon_restart"
            for partial in again.of_turn(2, "assistant"):
                assert partial["metadata"]["partial"] is True
                assert LONG.startswith(partial["content"])
            await stage.turn(again, "what was the first thing I told you?")
            assert again.said(3) == "The first thing you told me was: my parrot is called Coco"
            check(again)


@pytest.mark.parametrize("seconds", [0, 0.3, 0.6, 0.9, 1.2])
async def test_of_the_daemon_while_the_agent_begins(seconds: float) -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session = await stage.session(prompt="talk")
            await trio.sleep(seconds)
            family, known = stage.daemon.family(), dict(session.frames)
            await stage.daemon.kill()
            await place.until_empty(family, LEFT_SECONDS)
        async with alive(place, model) as stage:
            again = await stage.client.subscribe(session.session_id)
            ended = await again.turn_over(1)
            assert ended["metadata"]["cause"] == "daemon_restart"
            assert {seq: again.frames[seq] for seq in known} == known
            await stage.turn(again, "are you there?")
            assert again.said(2) == "Noted."
            check(again)


async def test_of_the_daemon_with_a_prompt_in_the_queue() -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session = await stage.session(prompt="my parrot is called Coco")
            await session.turn_over(1)
            await in_a_stream(stage, session)
            queued = await stage.prompt(session, "what was the first thing I told you?")
            await stage.daemon.kill()
        async with alive(place, model) as stage:
            again = await stage.client.subscribe(session.session_id)
            await again.turn_over(2)
            waiting = await stage.client.request("session/queue", sessionId=session.session_id)
            done = [e["metadata"].get("promptId") for e in again.events if e["eventType"] == "turn_started"]
            assert queued["promptId"] in done + [prompt["promptId"] for prompt in waiting["prompts"]]
            if waiting["prompts"]:
                await stage.prompt(again, "thank you")
            await again.turn_over(3)
            assert again.said(3) == "The first thing you told me was: my parrot is called Coco"


async def _kill(agent: Process) -> None:
    os.kill(agent.pid, signal.SIGKILL)
    await processes.until_gone(agent, LEFT_SECONDS)


async def _after_a_turn(stage: Stage, mode: str) -> tuple[Watch, Process]:
    session = await stage.session(prompt="my parrot is called Coco", permissionMode=mode)
    await session.turn_over(1)
    await stage.place.until_claude_kept("Noted.")
    return session, await stage.agent()


async def test_of_the_agent_in_a_tool_ends_the_turn_where_that_is_wanted() -> None:
    async with open_stage(_script(), failover={"mid_turn": "stop"}) as stage:
        session, agent = await _after_a_turn(stage, "allow-all")
        await _in_a_tool(stage, session)
        tool = await processes.until_running(stage.place.marker, SLEEP)
        await _kill(agent)
        ended = await session.turn_over(2)
        assert ended["metadata"]["reason"] == "failed"
        assert ended["metadata"]["cause"] == "crash"
        assert ended["metadata"]["error"]["kind"] == "agent-crashed"
        await processes.until_gone(tool, LEFT_SECONDS)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(3) == "The first thing you told me was: my parrot is called Coco"
        check(session)


async def test_of_the_warden_in_a_tool_leaves_nothing_either() -> None:
    async with open_stage(_script(), failover={"mid_turn": "stop"}) as stage:
        session, agent = await _after_a_turn(stage, "allow-all")
        await _in_a_tool(stage, session)
        tool = await processes.until_running(stage.place.marker, SLEEP)
        os.kill(agent.parent, signal.SIGKILL)
        ended = await session.turn_over(2)
        assert ended["metadata"]["reason"] == "failed"
        assert ended["metadata"]["cause"] == "crash"
        await processes.until_gone(agent, LEFT_SECONDS)
        await processes.until_gone(tool, LEFT_SECONDS)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(3) == "The first thing you told me was: my parrot is called Coco"
        check(session)


async def test_of_the_agent_in_a_stream_does_the_answer_over() -> None:
    async with open_stage(_script()) as stage:
        session, agent = await _after_a_turn(stage, "ask")
        await in_a_stream(stage, session)
        await _kill(agent)
        ended = await session.turn_over(2)
        assert ended["metadata"]["reason"] == "completed"
        assert session.said(2) == LONG
        (void,) = (note.params for note in session.notes if note.method == "session/itemVoided")
        (assistant,) = session.of_turn(2, "assistant")
        assert assistant["metadata"]["itemId"] != void["itemId"]
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(3) == "The first thing you told me was: my parrot is called Coco"
        check(session)


async def test_of_the_agent_again_and_again_is_given_up() -> None:
    async with open_stage(_script()) as stage:
        session, _ = await _after_a_turn(stage, "ask")
        await stage.prompt(session, "talk")
        with trio.move_on_after(60) as waiting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_kill_every, stage)
                ended = await session.turn_over(2, seconds=60)
                nursery.cancel_scope.cancel()
        assert not waiting.cancelled_caught
        assert ended["metadata"]["reason"] == "failed"
        assert ended["metadata"]["error"]["kind"] == "agent-crashed"
        check(session)


async def _kill_every(stage: Stage) -> None:
    while True:
        await _kill(await stage.agent())


async def test_of_the_agent_while_nobody_asks_anything() -> None:
    async with open_stage(_script()) as stage:
        session, agent = await _after_a_turn(stage, "ask")
        await _kill(agent)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(2) == "The first thing you told me was: my parrot is called Coco"
        check(session)
