"""Planning: how it is left, and the agent's list of what it means to do."""

from __future__ import annotations

import pytest

from jelmored.domain.events import EventType, Plan
from jelmored.domain.permissions import Answer, PermissionMode, Verdict
from jelmored.providers.base import SessionChange, TurnOver

from .claude_run import ClaudeRun, open_run, prompt
from .script import Script, says, uses, when

pytestmark = pytest.mark.real

LEAVE = uses("ExitPlanMode", plan="# Plan\n1. Touch a")
WRITE = uses("Write", file_path="made.txt", content="x")


def plans(run: ClaudeRun) -> list[list[tuple[str, str]]]:
    found = [draft.metadata for draft in run.drafts(EventType.PLAN)]
    return [[(entry.content, entry.status) for entry in plan.entries] for plan in found if isinstance(plan, Plan)]


@pytest.mark.parametrize("changed_first", [True, False])
async def test_the_plan_is_asked_for_and_then_work_begins(changed_first: bool) -> None:
    scripted = Script(when("", LEAVE, WRITE, says("Done.")))
    async with open_run(scripted, permission_mode=PermissionMode.PLAN) as run:
        await run.session.prompt(prompt("plan it"))
        asked = (await run.asked()).request
        assert asked.leaves_planning
        assert asked.input["plan"] == "# Plan\n1. Touch a"
        answer = Answer(verdict=Verdict.ALLOW)
        if not changed_first:
            await run.session.answer(asked.request_id, answer)
        await run.session.change(SessionChange(permission_mode=PermissionMode.ASK))
        if changed_first:
            await run.session.answer(asked.request_id, answer)
        assert (await run.asked(Verdict.ALLOW)).request.tool_name == "Write"
        await run.until(TurnOver)
        assert "approved your plan" in run.results()[0]


async def test_who_rejects_the_plan_says_why_and_planning_goes_on() -> None:
    scripted = Script(when("", LEAVE, WRITE, says("Done.")))
    async with open_run(scripted, permission_mode=PermissionMode.PLAN) as run:
        await run.session.prompt(prompt("plan it"))
        await run.asked(Verdict.DENY, message="Make it shorter.")
        await run.until(TurnOver)
        rejected, refused = run.results()
        assert rejected == "Make it shorter."
        assert "Change no files" in refused


async def test_who_begins_to_plan_on_the_way_must_ask_to_leave() -> None:
    async with open_run(Script(when("", says("Yes."), LEAVE, says("Well.")))) as run:
        await run.turn("hello")
        await run.session.change(SessionChange(permission_mode=PermissionMode.PLAN))
        await run.session.prompt(prompt("plan it"))
        assert (await run.asked(Verdict.DENY)).request.leaves_planning
        await run.until(TurnOver)


async def test_tasks_are_a_plan() -> None:
    create = uses("TaskCreate", subject="one", description="d", activeForm="x")
    update = uses("TaskUpdate", taskId="1", status="completed")
    async with open_run(Script(when("", create, update, says("Done.")))) as run:
        await run.turn("go")
        assert plans(run) == [[("one", "pending")], [("one", "completed")]]


async def test_a_list_of_todos_is_a_plan_where_claude_has_that_tool() -> None:
    todos = [{"content": "a", "status": "pending", "activeForm": "A"}]
    scripted = Script(when("", uses("TodoWrite", todos=todos), says("Done.")))
    async with open_run(scripted, {"environment": {"CLAUDE_CODE_ENABLE_TASKS": "0"}}) as run:
        await run.turn("go")
        assert plans(run) == [[("a", "pending")]]
    async with open_run(scripted) as run:
        await run.turn("go")
        assert plans(run) == []
