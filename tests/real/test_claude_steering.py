"""A message into a turn that runs: what the real claude makes of it."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.events import TurnReason
from jelmored.domain.permissions import Answer, Verdict
from jelmored.providers.base import Delta, Taken, TakenBack, TurnBegan, TurnOver

from .claude_run import ClaudeRun, open_run, prompt
from .script import Script, says, uses, when

pytestmark = pytest.mark.real

SLOWLY = says("one two three four five six seven", pieces=20, pace=0.05)
SLEEP = uses("Bash", command="touch made; sleep 1")


def told(run: ClaudeRun) -> list[object]:
    """What was told of turns and of messages that were to steer."""
    kinds = (TurnBegan, TurnOver, Taken, TakenBack)
    return [type(event) if isinstance(event, TurnOver) else event for event in run.events if isinstance(event, kinds)]


async def test_while_a_tool_runs_it_steers_the_turn() -> None:
    async with open_run(Script(when("go", SLEEP, says("I stop.")))) as run:
        await run.session.prompt(prompt("go"))
        await run.asked(Verdict.ALLOW)
        steering = prompt("stop that")
        await run.session.steer(steering)
        await run.until(TurnOver)
        assert told(run) == [Taken(steering.prompt_id), TurnOver]
        last = run.model.calls[-1].body["messages"][-1]
        assert last["role"] == "system"
        assert "sent a new message while you were working:\nstop that" in last["content"]


async def test_while_an_answer_is_awaited_it_steers_the_turn() -> None:
    async with open_run(Script(when("go", SLEEP, says("Done.")))) as run:
        await run.session.prompt(prompt("go"))
        asked = await run.asked()
        steering = prompt("stop that")
        await run.session.steer(steering)
        await run.session.answer(asked.request.request_id, Answer(verdict=Verdict.DENY, message="no"))
        await run.until(TurnOver)
        assert told(run) == [Taken(steering.prompt_id), TurnOver]


async def test_while_text_streams_several_become_the_turn_that_follows() -> None:
    async with open_run(Script(when("go", SLOWLY), when("", says("Both.")))) as run:
        await run.session.prompt(prompt("go"))
        await run.until(Delta)
        late = [prompt("second"), prompt("third")]
        for steering in late:
            await run.session.steer(steering)
        await run.until(TurnOver)
        await run.until(TurnOver)
        assert told(run) == [TurnOver, TurnBegan(tuple(p.prompt_id for p in late)), TurnOver]
        assert run.said()[-1] == "Both."
        assert run.model.calls[-1].conversation.human[-2:] == ("second", "third")


async def test_an_interrupt_takes_back_what_waits_and_nothing_runs_afterwards() -> None:
    async with open_run(Script(when("go", SLOWLY), when("", says("Again.")))) as run:
        await run.session.prompt(prompt("go"))
        await run.until(Delta)
        steering = prompt("second")
        await run.session.steer(steering)
        await run.session.interrupt()
        assert (await run.until(TurnOver)).reason is TurnReason.INTERRUPTED
        await trio.sleep(0.5)
        await run.turn("third")
        assert told(run) == [TakenBack(steering.prompt_id), TurnOver, TurnOver]
        assert "second" not in run.model.calls[-1].conversation.human


async def test_a_denial_that_interrupts_takes_back_what_waits() -> None:
    async with open_run(Script(when("go", SLEEP), when("", says("Again.")))) as run:
        await run.session.prompt(prompt("go"))
        asked = await run.asked()
        steering = prompt("second")
        await run.session.steer(steering)
        denial = Answer(verdict=Verdict.DENY, message="no", interrupt=True)
        await run.session.answer(asked.request.request_id, denial)
        await run.until(TurnOver)
        assert told(run) == [TakenBack(steering.prompt_id), TurnOver]


async def test_one_that_comes_when_the_turn_is_over_becomes_a_turn() -> None:
    async with open_run(Script(when("", says("Well.")))) as run:
        await run.turn("go")
        steering = prompt("too late")
        await run.session.steer(steering)
        assert (await run.until(TurnOver)).origin == "agent"
        assert told(run) == [TurnOver, TurnBegan((steering.prompt_id,)), TurnOver]
