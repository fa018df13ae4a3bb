"""Streams that are cut, garbled, or stand still: what was shown is taken back, nothing is said twice."""

from __future__ import annotations

import pytest
import trio

from tests.invariants import check

from .script import Fault, Script, Silence, breaks, says, uses, when
from .scripts import LONG
from .stage import open_stage
from .test_failures import failed_turn

pytestmark = pytest.mark.real

STALL_SECONDS = 3.0
STALL_SLACK = 5.0


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.GARBLED, Fault.ERROR])
async def test_the_answer_that_is_done_over_stands_alone(fault: Fault) -> None:
    broken = breaks(says("The first that nobody heard the end of.", pieces=10, pace=0.02), fault, after=5)
    async with open_stage(Script(when("", broken, says("The second, whole.")))) as stage:
        session = await stage.session(prompt="hello")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        (void,) = (note.params for note in session.notes if note.method == "session/itemVoided")
        (assistant,) = session.of_turn(1, "assistant")
        assert assistant["content"] == "The second, whole."
        assert assistant["metadata"]["itemId"] != void["itemId"]
        assert void["itemId"] in {n.params["itemId"] for n in session.notes if n.method == "session/delta"}
        assert void["reason"]
        check(session)


async def test_a_stall_ends_the_turn_and_the_next_prompt_works() -> None:
    stalled = breaks(says(LONG, pieces=50), Fault.STALL, after=10)
    script = Script(when("stall", stalled), when("", says("Here I am.")))
    async with open_stage(script, claude={"timeout_seconds": STALL_SECONDS}) as stage:
        session = await stage.session(prompt="stall")
        await session.delta(turn=1)
        begun = trio.current_time()
        error = await failed_turn(stage, session)
        assert STALL_SECONDS - 1 <= trio.current_time() - begun <= STALL_SECONDS + STALL_SLACK
        assert error["kind"] == "turn-stalled"
        assert error["retryable"] is True
        await stage.turn(session, "are you there?")
        assert session.said(2) == "Here I am."
        check(session)


async def test_a_model_that_does_not_begin_is_a_stall_too() -> None:
    script = Script(when("hang", Silence.HANG), when("", says("Here I am.")))
    async with open_stage(script, claude={"timeout_seconds": STALL_SECONDS}) as stage:
        session = await stage.session(prompt="hang")
        await session.event("turn_started", turn=1)
        begun = trio.current_time()
        error = await failed_turn(stage, session)
        assert trio.current_time() - begun <= STALL_SECONDS + STALL_SLACK
        assert error["kind"] == "turn-stalled"
        await stage.turn(session, "are you there?")
        assert session.said(2) == "Here I am."
        check(session)


async def test_the_clock_stands_still_while_a_tool_runs() -> None:
    script = Script(when("", uses("Bash", command=f"sleep {STALL_SECONDS * 2}"), says("Slept.")))
    async with open_stage(script, claude={"timeout_seconds": STALL_SECONDS}) as stage:
        session = await stage.session(prompt="sleep", permissionMode="allow-all")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        check(session)


async def test_the_clock_stands_still_while_a_person_thinks() -> None:
    script = Script(when("", uses("Bash", command="touch made"), says("Made.")))
    async with open_stage(script, claude={"timeout_seconds": STALL_SECONDS}) as stage:
        session = await stage.session(prompt="make it")
        await session.event("approval_requested", turn=1)
        await trio.sleep(STALL_SECONDS * 2)
        await stage.resolve(session, "allow_once")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        check(session)
