"""A message into a turn that runs: when the model reads it, and what becomes of it when it comes too late."""

from __future__ import annotations

import pytest

from tests.invariants import check
from tests.watch import Json, Watch

from . import processes
from .script import Script, says, uses, when
from .scripts import LONG
from .stage import Stage, open_stage

pytestmark = pytest.mark.real

SLEEP = "sleep 2.43"


async def _steer(stage: Stage, session: Watch, text: str) -> Json:
    return await stage.prompt(session, text, whenBusy="steer")


def _asked(stage: Stage) -> list[str]:
    """All that was said so far, at each call of the model."""
    return [str(call.body["messages"]) for call in stage.model.calls]


async def test_while_a_tool_runs_the_model_reads_it_in_the_same_turn() -> None:
    script = Script(when("wait", uses("Bash", command=SLEEP), says("Then so.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="wait for it", permissionMode="allow-all")
        await processes.until_running(stage.place.marker, SLEEP)
        receipt = await _steer(stage, session, "rather do something else")
        assert (receipt["disposition"], receipt["turn"]) == ("steered", 1)
        taken = await session.event("system", subtype="steered")
        assert (taken["turn"], taken["metadata"]["promptId"]) == (1, receipt["promptId"])
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        assert session.said(1) == "Then so."
        assert ["rather do something else" in asked for asked in _asked(stage)] == [False, True]
        assert (await stage.get(session))["turn"] == 1
        check(session)


async def test_what_comes_while_the_last_text_streams_is_the_next_turn() -> None:
    script = Script(when("talk", says(LONG, pieces=100, pace=0.02)), when("", says("Here I am.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1, count=5)
        receipts = [await _steer(stage, session, text) for text in ("are you there?", "and now?")]
        queued = await stage.prompt(session, "at last")
        assert [receipt["disposition"] for receipt in (*receipts, queued)] == ["steered", "steered", "queued"]
        assert (await session.turn_over(1))["metadata"]["reason"] == "completed"
        started = await session.event("turn_started", turn=2)
        assert started["metadata"] == {"origin": "prompt", "promptId": receipts[0]["promptId"]}
        await session.turn_over(2)
        joined = [e["metadata"]["promptId"] for e in session.of_turn(2, "system") if "promptId" in e["metadata"]]
        assert joined == [receipts[1]["promptId"]], "claude makes one turn of both"
        started = await session.event("turn_started", turn=3)
        assert started["metadata"]["promptId"] == queued["promptId"]
        await session.turn_over(3)
        assert session.said(1) == LONG
        check(session)


@pytest.mark.parametrize("drop", [True, False])
async def test_an_interrupt_takes_it_back(drop: bool) -> None:
    script = Script(when("talk", says(LONG, pieces=400, pace=0.02)), when("", says("Here I am.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1, count=5)
        receipt = await _steer(stage, session, "are you there?")
        await stage.client.request("session/interrupt", sessionId=session.session_id, dropQueue=drop)
        assert (await session.turn_over(1))["metadata"]["reason"] == "interrupted"
        if drop:
            dropped = await session.event("system", subtype="prompt_dropped")
            assert dropped["metadata"]["promptId"] == receipt["promptId"]
            await stage.turn(session, "something else")
            assert not any("are you there?" in asked for asked in _asked(stage))
        else:
            await session.turn_over(2)
            assert session.said(2) == "Here I am."
        check(session)


async def test_while_a_permission_is_open_it_goes_into_the_turn() -> None:
    script = Script(when("make", uses("Bash", command="touch made"), says("Then so.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="make it")
        await session.event("approval_requested")
        assert (await _steer(stage, session, "rather not"))["disposition"] == "steered"
        await stage.resolve(session, "reject_once", message="no")
        await session.turn_over(1)
        assert ["rather not" in asked for asked in _asked(stage)] == [False, True]
        assert session.said(1) == "Then so."
        check(session)
