"""Subagents and background tasks: whose words they are, what they ask, how they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from jelmored.domain.events import Draft, EventType, TurnReason
from jelmored.domain.permissions import Answer, Verdict
from jelmored.providers.base import Asked, RunEvent, RunFacts, TurnBegan, TurnOver

from .claude_run import ClaudeRun, open_run, prompt
from .script import Rule, Script, ToolUse, fails, says, thinks, uses, uses_all, when

pytestmark = pytest.mark.real


def agent(task: str, **more: Any) -> ToolUse:
    return ToolUse("Agent", {"description": task, "prompt": task, "subagent_type": "general-purpose", **more})


def touches(name: str) -> Rule:
    return when(f"inner {name}", uses("Bash", command=f"touch {name}"), thinks(f"thought {name}", f"inner {name} done"))


TWO = Script(touches("one"), touches("two"), when("", uses_all(agent("inner one"), agent("inner two")), says("Both.")))


def of(events: Sequence[RunEvent], kind: EventType) -> list[Any]:
    return [event.metadata for event in events if isinstance(event, Draft) and event.event_type is kind]


async def all_asked(run: ClaudeRun, count: int) -> list[Asked]:
    return [await run.asked(Verdict.ALLOW) for _ in range(count)]


async def test_two_at_once_are_told_apart_and_their_questions_come_after_their_tools() -> None:
    async with open_run(TWO) as run:
        await run.session.prompt(prompt("go"))
        asked = await all_asked(run, 2)
        await run.until(TurnOver)
        uses_ = {use.tool_use_id: use for use in of(run.events, EventType.TOOL_USE)}
        agents = [use for use in uses_.values() if use.name == "Agent"]
        assert [use.parent_tool_use_id for use in agents] == [None, None]
        for one in asked:
            use = uses_[one.request.tool_use_id]
            place = next(n for n, e in enumerate(run.events) if isinstance(e, Draft) and e.metadata is use)
            assert place < run.events.index(one)
            parent = uses_[use.parent_tool_use_id]
            assert one.request.command == f"touch {parent.input['prompt'].removeprefix('inner ')}"
        results = [result for result in of(run.events, EventType.TOOL_RESULT) if result.parent_tool_use_id]
        assert {result.parent_tool_use_id for result in results} == {use.tool_use_id for use in agents}
        assert run.said() == ["Both."]
        assert len(uses_) == len(of(run.events, EventType.TOOL_USE))


async def test_one_that_fails_does_not_fail_the_turn() -> None:
    script = Script(when("inner", fails(400)), when("", uses_all(agent("inner")), says("It went on.")))
    async with open_run(script) as run:
        over = await run.turn("go")
        assert (over.reason, run.said()[-1]) == (TurnReason.COMPLETED, "It went on.")


async def test_a_question_from_the_background_holds_the_turn_open() -> None:
    question = trio.Event()
    launched = says("Launched.", held=question)
    script = Script(touches("one"), when("", uses_all(agent("inner one", run_in_background=True)), launched))
    async with open_run(script) as run:
        await run.session.prompt(prompt("go"))
        asked = await run.asked()
        question.set()
        await run.until(Draft, lambda draft: draft.content == "Launched.")
        assert not any(isinstance(event, TurnOver) for event in run.events)
        await run.session.answer(asked.request.request_id, Answer(verdict=Verdict.ALLOW))
        assert (await run.until(TurnOver)).origin == "prompt"
        await run.until(TurnBegan)  # it has ended
        await run.until(TurnOver)


async def test_a_later_question_from_the_background_has_a_turn_of_its_own() -> None:
    inner = when("inner", uses("Bash", command="sleep 2"), uses("Bash", command="touch late"), says("Late."))
    script = Script(inner, when("", uses_all(agent("inner", run_in_background=True)), says("Launched.")))
    async with open_run(script) as run:
        await run.turn("go")
        await run.until(TurnBegan)
        await run.asked(Verdict.ALLOW)
        over = await run.until(TurnOver)
        assert (over.reason, over.origin) == (TurnReason.COMPLETED, "agent")


async def test_a_background_task_is_listed_and_can_be_stopped() -> None:
    background = uses("Bash", command="sleep 60; echo done", run_in_background=True)
    async with open_run(Script(when("", background, says("Started.")))) as run:
        await run.turn("go")
        (task,) = run.told("background_tasks")[-1]
        assert "sleep 60" in task.title
        await run.session.stop_task("no such task")
        await run.session.stop_task(task.task_id)
        await run.until(RunFacts, lambda facts: facts.background_tasks == ())
        await run.until(Draft, lambda draft: draft.event_type is EventType.SYSTEM)
        assert run.system("background_task")[-1].data["status"] == "stopped"
