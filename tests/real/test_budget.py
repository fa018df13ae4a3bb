"""Limits of money and time, with the real claude and its own prices."""

from __future__ import annotations

import os
import signal

import attrs
import pytest
import trio

from jelmored.domain.permissions import Verdict
from jelmored.providers.base import TurnOver
from tests.client_raw import RpcError
from tests.invariants import check

from .claude_run import open_run, prompt
from .script import Answer, Script, says, uses, when
from .stage import open_stage

pytestmark = pytest.mark.real


def dear(answer: Answer) -> Answer:
    """More than half a cent at the price of claude's default model, less than a whole one."""
    return attrs.evolve(answer, input_tokens=600, output_tokens=120)


WORK = dear(uses("Bash", command="sleep 2"))


async def test_after_each_call_it_is_told_what_the_turn_has_taken() -> None:
    async with open_run(Script(when("go", uses("Bash", command="touch made; sleep 0.5"), says("Done.")))) as run:
        await run.session.prompt(prompt("go"))
        await run.asked(Verdict.ALLOW)
        over = await run.until(TurnOver)
        first, *_ = run.told("spent")
        assert (first.input_tokens, first.output_tokens, first.estimated) == (100, 20, True)
        assert over.usage is not None
        assert first.cost_usd == pytest.approx(over.usage.cost_usd / 2)


async def test_a_budget_of_one_cent() -> None:
    async with open_stage(Script(when("go", WORK, WORK, WORK, says("Done.")), when("on", says("Again.")))) as stage:
        session = await stage.session(prompt="go", permissionMode="allow-all", limits={"maxCostUsd": 0.01})
        ended = (await session.turn_over(1))["metadata"]
        calls = len(stage.model.calls)
        remedy = f"raise it: jelmore set {session.session_id} --max-cost 0.03"
        assert (ended["reason"], ended["error"]["kind"]) == ("budget", "budget-exceeded")
        assert ended["error"]["remedy"] == remedy
        assert len(session.of_turn(1, "tool_use")) == 2
        (used,) = (event["metadata"] for event in session.of_turn(1, "usage"))
        assert used["costUsd"] == pytest.approx(0.012)

        with pytest.raises(RpcError) as no:
            await stage.prompt(session, "on")
        assert (no.value.data["kind"], no.value.data["remedy"]) == ("budget-exceeded", remedy)
        await trio.sleep(1)
        assert len(stage.model.calls) == calls == 2

        await stage.client.request("session/configure", sessionId=session.session_id, limits={"maxCostUsd": 0.03})
        assert (await stage.turn(session, "on"))["metadata"]["reason"] == "completed"
        check(session)


async def test_a_day_over_its_budget_starts_no_agent() -> None:
    async with open_stage(Script(when("", dear(says("Hello!")))), budget={"per_day_usd": 0.005}) as stage:
        session = await stage.session()
        await stage.turn(session, "hello")
        for asked in (
            stage.client.request("session/create", cwd=str(stage.place.work), prompt="hello"),
            stage.prompt(session, "hello"),
        ):
            with pytest.raises(RpcError) as no:
                await asked
            assert no.value.data["kind"] == "budget-exceeded"
            assert "per_day_usd" in no.value.data["remedy"]
        assert len(stage.model.calls) == 1


async def test_what_an_agent_that_is_killed_has_taken_is_known() -> None:
    async with open_stage(Script(when("go", dear(uses("Bash", command="sleep 30")), says("Done.")))) as stage:
        session = await stage.session(prompt="go", permissionMode="allow-all")
        await session.event("tool_use")
        await trio.sleep(0.5)
        os.kill((await stage.agent()).pid, signal.SIGKILL)
        used = (await session.event("usage"))["metadata"]
        assert (used["costUsd"], used["estimated"]) == (pytest.approx(0.006), True)


async def test_the_time_of_a_turn_is_without_what_it_waits_for_a_person() -> None:
    sleep = uses("Bash", command="touch made; sleep 30")
    async with open_stage(Script(when("go", sleep, says("Done.")), when("", says("Hello!")))) as stage:
        session = await stage.session(prompt="hello", permissionMode="ask")
        await session.turn_over(1)  # an agent takes a while to start, and this too is its turn's time
        await stage.client.request("session/configure", sessionId=session.session_id, limits={"turnSeconds": 3})
        await stage.prompt(session, "go")
        await session.event("approval_requested")
        await trio.sleep(4)
        assert not session.of_turn(2, "turn_ended")
        await stage.resolve(session, "allow_once")
        ended = (await session.turn_over(2))["metadata"]
        assert (ended["reason"], ended["error"]["kind"]) == ("budget", "budget-exceeded")
        assert "--turn-seconds 6" in ended["error"]["remedy"]
        check(session)
