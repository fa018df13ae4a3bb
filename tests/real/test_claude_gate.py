"""What our policy refuses before a tool runs, also where claude would not ask."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.permissions import PermissionMode, Rule, Verdict
from jelmored.providers.base import Asked, SessionChange, TurnOver

from .claude_run import ClaudeRun, open_run, prompt
from .script import Line, Script, ToolUse, says, uses, uses_all, when

pytestmark = pytest.mark.real

READ = uses("Read", file_path="note.txt")
SAYS = says("So it is.")


def script(*lines: Line) -> Script:
    return Script(when("", *lines))


async def note(run: ClaudeRun) -> None:
    """A file that claude reads without asking."""
    await trio.Path(run.session.launch.cwd, "note.txt").write_text("hello")


async def test_a_session_without_tools_reads_nothing_and_the_model_is_told_why() -> None:
    async with open_run(script(READ, SAYS), permission_mode=PermissionMode.DENY) as run:
        await note(run)
        await run.turn("read")
        assert run.results() == ["The user allows no tools in this session."]
        assert not any(isinstance(event, Asked) for event in run.events)


async def test_a_mode_that_changes_counts_at_once() -> None:
    async with open_run(script(READ, SAYS, READ, SAYS)) as run:
        await note(run)
        await run.turn("read")
        await run.session.change(SessionChange(permission_mode=PermissionMode.DENY))
        await run.turn("read")
        first, second = run.results()
        assert "hello" in first
        assert "no tools" in second


async def test_a_rule_that_denies_is_kept_where_claude_would_not_ask() -> None:
    rule = Rule(tool_name="Bash", verdict=Verdict.DENY, command="echo secret")
    commands = uses_all(ToolUse("Bash", {"command": "echo secret"}), ToolUse("Bash", {"command": "echo hello"}))
    async with open_run(script(commands, SAYS), rules=(rule,)) as run:
        await run.turn("go")
        refused, done = run.results()
        assert "always rejected" in refused
        assert done == "hello"


async def test_a_subagent_passes_the_same_gate() -> None:
    agent = uses("Agent", description="d", prompt="inner work", subagent_type="general-purpose")
    scripted = Script(when("inner", READ, says("Inner.")), when("", agent, SAYS))
    rule = Rule(tool_name="Read", verdict=Verdict.DENY)
    async with open_run(scripted, rules=(rule,)) as run:
        await note(run)
        await run.turn("go")
        inner = [call.conversation.tool_results for call in run.model.calls if "inner" in call.conversation.last]
        assert "always rejected" in str(inner[-1])


async def test_a_plan_may_be_written_and_nothing_else() -> None:
    write = uses("Write", file_path="made.txt", content="x")
    async with open_run(script(write, SAYS), permission_mode=PermissionMode.PLAN) as run:
        await run.turn("go")
        assert "Change no files" in run.results()[-1]
        plan = await trio.Path(run.session.launch.plans, "a-plan.md").absolute()
        run.model.script = script(uses("Write", file_path=str(plan), content="x"), SAYS)
        await run.session.prompt(prompt("write your plan"))
        event = await run.until(object, lambda event: isinstance(event, Asked | TurnOver))
        if isinstance(
            event, Asked
        ):  # not the file that claude has chosen for its plan: it asks, the gate does not mind
            assert event.request.tool_name == "Write"
