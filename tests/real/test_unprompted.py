"""Turns that nobody prompted: a task in the background has finished."""

from __future__ import annotations

import pytest
import trio

from tests.invariants import check

from . import processes
from .script import Script, says, uses, when
from .scripts import LONG
from .stage import open_stage

pytestmark = pytest.mark.real

SLEEP = "sleep 977"


async def test_a_finished_background_task_starts_a_turn() -> None:
    background = uses("Bash", command="sleep 2; echo finished", run_in_background=True)
    script = Script(when("task-notification", says("It has finished.")), when("", background, says("Started.")))
    async with open_stage(script, sessions={"hibernate_after": 1}) as stage:
        session = await stage.session(prompt="start it", permissionMode="allow-all")
        await session.turn_over(1)
        assert session.said(1) == "Started."
        await session.turn_over(2)
        (started,) = session.of_turn(2, "turn_started")
        assert started["metadata"]["origin"] == "agent"
        assert "promptId" not in started["metadata"]
        assert session.said(2) == "It has finished."
        check(session)


async def test_a_background_task_keeps_its_agent_awake_and_ends_with_its_session() -> None:
    background = uses("Bash", command=SLEEP, run_in_background=True)
    script = Script(when("", background, says("Started.")))
    async with open_stage(script, sessions={"hibernate_after": 1}) as stage:
        session = await stage.session(prompt="start it", permissionMode="allow-all")
        await session.turn_over(1)
        task = await processes.until_running(stage.place.marker, SLEEP)
        assert (await stage.get(session))["backgroundTasks"] == 1
        await trio.sleep(3)
        assert task.alive
        assert (await stage.get(session))["attached"] is True
        await stage.client.request("session/close", sessionId=session.session_id)
        await processes.until_gone(task, 10)
        check(session)


async def test_a_prompt_comes_while_a_task_runs_in_the_background() -> None:
    background = uses("Bash", command="sleep 1.5; echo finished", run_in_background=True)
    script = Script(
        when("task-notification", says("It has finished.")),
        when("start", background, says("Started.")),
        when("talk", says(LONG, pieces=100, pace=0.02)),
    )
    async with open_stage(script) as stage:
        session = await stage.session(prompt="start it", permissionMode="allow-all")
        await session.turn_over(1)
        await stage.turn(session, "talk")
        assert session.said(2) == LONG
        await session.turn_over(3)
        (started,) = session.of_turn(3, "turn_started")
        assert started["metadata"]["origin"] == "agent"
        assert session.said(3) == "It has finished."
        check(session)
