"""Turns that nobody prompted: a task in the background has finished."""

from __future__ import annotations

import pytest

from tests.invariants import check

from .script import Script, says, uses, when
from .stage import open_stage

pytestmark = pytest.mark.real


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
