"""Who decides what the real claude may do, and that it is so."""

from __future__ import annotations

import pytest

from tests.client_raw import RpcError, connect
from tests.invariants import check

from .script import Script, ToolUse, says, uses, uses_all, when
from .stage import Stage, open_stage

pytestmark = pytest.mark.real


def make_script() -> Script:
    return Script(when("make", uses("Bash", command="touch made", description="Make a file"), says("Done.")))


def the_tool_result(stage: Stage) -> str:
    """What the model was told of the last tool."""
    return str(stage.model.calls[-1].conversation.tool_results[-1]["content"])


async def test_given_the_tool_runs() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        asked = await session.event("approval_requested", turn=1)
        approval = asked["metadata"]
        assert approval["toolName"] == "Bash"
        assert approval["command"] == "touch made"
        assert not (stage.place.work / "made").exists()
        assert (await stage.get(session))["status"] == "waiting_input"
        listed = await stage.client.request("approval/list")
        assert listed["approvals"] == [approval]
        resolved = await stage.resolve(session, "allow_once")
        assert resolved["status"] == "resolved"
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        assert (stage.place.work / "made").exists()
        tools = ("tool_use", "approval_requested", "approval_resolved", "tool_result")
        assert [event["eventType"] for event in session.of_turn(1, *tools)] == list(tools)
        (result,) = session.of_turn(1, "tool_result")
        assert result["metadata"]["isError"] is False
        check(session)


async def test_denied_it_does_not_run_and_the_agent_is_told_why() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        await stage.resolve(session, "reject_once", message="not in this house")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        assert not (stage.place.work / "made").exists()
        (result,) = session.of_turn(1, "tool_result")
        assert result["metadata"]["isError"] is True
        assert "not in this house" in the_tool_result(stage)
        check(session)


async def test_a_denial_without_words_still_carries_some() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        await stage.resolve(session, "reject_once")
        await session.turn_over(1)
        assert the_tool_result(stage).strip()
        check(session)


async def test_a_denial_that_interrupts_ends_the_turn() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        await stage.resolve(session, "reject_once", message="stop", interrupt=True)
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "interrupted"
        assert not (stage.place.work / "made").exists()
        check(session)


async def test_the_first_answer_wins() -> None:
    async with open_stage(make_script()) as stage, connect(stage.place.socket, name="second") as second:
        session = await stage.session(prompt="make a file")
        winner = await stage.resolve(session, "allow_once")
        with pytest.raises(RpcError) as late:
            await second.request("approval/resolve", approvalId=winner["approvalId"], optionId="reject")
        assert late.value.code == 1200
        assert late.value.kind == "already-resolved"
        await session.turn_over(1)
        (resolved,) = session.of_turn(1, "approval_resolved")
        assert resolved["metadata"]["resolvedBy"]["client"] == "raw"
        assert resolved["metadata"]["resolvedBy"]["optionId"] == winner["resolvedBy"]["optionId"]
        check(session)


async def test_always_is_not_asked_again() -> None:
    twice = when(
        "make",
        uses("Bash", command="touch made"),
        uses("Bash", command="touch made"),
        uses("Bash", command="touch another"),
        says("Done."),
    )
    async with open_stage(Script(twice)) as stage:
        session = await stage.session(prompt="make it")
        await stage.resolve(session, "allow_always")
        await session.event("approval_requested", turn=1, command="touch another")
        await stage.resolve(session, "allow_once")
        await session.turn_over(1)
        asked = [event["metadata"]["command"] for event in session.of_turn(1, "approval_requested")]
        assert asked == ["touch made", "touch another"]
        check(session)


async def test_changed_input_is_what_runs() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        await stage.resolve(session, "allow_once", updatedInput={"command": "touch changed"})
        await session.turn_over(1)
        assert (stage.place.work / "changed").exists()
        assert not (stage.place.work / "made").exists()
        check(session)


async def test_two_questions_at_once_are_answered_in_any_order() -> None:
    outside = [f"/etc/{name}" for name in ("hostname", "hosts")]
    both = uses_all(*(ToolUse("Read", {"file_path": path}) for path in outside))
    async with open_stage(Script(when("read", both, says("Read.")))) as stage:
        session = await stage.session(prompt="read these two")
        first = await session.event("approval_requested", turn=1)
        second = await session.event("approval_requested", turn=1, after=first["seq"])
        await stage.answer(second, "reject_once")
        await stage.answer(first, "allow_once")
        await session.turn_over(1)
        failed = {
            event["metadata"]["toolUseId"]: event["metadata"]["isError"] for event in session.of_turn(1, "tool_result")
        }
        assert failed == {first["metadata"]["toolUseId"]: False, second["metadata"]["toolUseId"]: True}
        check(session)


@pytest.mark.parametrize(("mode", "made"), [("allow-all", True), ("deny", False), ("plan", False)])
async def test_modes_that_ask_nobody(mode: str, made: bool) -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file", permissionMode=mode)
        await session.turn_over(1)
        assert (stage.place.work / "made").exists() is made
        assert not session.of_turn(1, "approval_requested")
        check(session)


async def test_edits_are_allowed_where_the_session_works_and_asked_elsewhere() -> None:
    async with open_stage(Script()) as stage:
        elsewhere = stage.place.root / "elsewhere"
        inside = uses("Write", file_path=str(stage.place.work / "inside.txt"), content="x")
        outside = uses("Write", file_path=str(elsewhere), content="x")
        stage.model.script = Script(when("write", inside, outside, says("Done.")))
        session = await stage.session(prompt="write", permissionMode="allow-edits")
        asked = await session.event("approval_requested", turn=1)
        assert [place["path"] for place in asked["metadata"]["locations"]] == [str(elsewhere)]
        assert (stage.place.work / "inside.txt").read_text() == "x"
        await stage.resolve(session, "reject_once")
        await session.turn_over(1)
        assert not elsewhere.exists()
        check(session)


async def test_an_interrupt_withdraws_the_question() -> None:
    async with open_stage(make_script()) as stage:
        session = await stage.session(prompt="make a file")
        asked = await session.event("approval_requested", turn=1)
        answer = await stage.client.request("session/interrupt", sessionId=session.session_id)
        assert answer == {"interrupted": True}
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "interrupted"
        (resolved,) = session.of_turn(1, "approval_resolved")
        assert resolved["metadata"]["status"] == "cancelled"
        with pytest.raises(RpcError) as late:
            await stage.client.request("approval/resolve", approvalId=asked["metadata"]["approvalId"], optionId="allow")
        assert late.value.kind == "already-resolved"
        assert not (stage.place.work / "made").exists()
        check(session)


async def test_what_claude_minds_itself_is_for_a_person_though_edits_are_allowed() -> None:
    async with open_stage(
        Script(when("hook", uses("Write", file_path=".git/hooks/pre-commit", content="x"), says("No.")))
    ) as s:
        (s.place.work / ".git" / "hooks").mkdir(parents=True)
        session = await s.session(prompt="a hook", permissionMode="allow-edits")
        asked = await session.event("approval_requested")
        assert [option["kind"] for option in asked["metadata"]["options"]] == ["allow_once", "reject_once"]
        resolved = await s.resolve(session, "reject_once", message="leave git alone")
        assert resolved["message"] == "leave git alone"
        await session.turn_over(1)
        assert not (s.place.work / ".git" / "hooks" / "pre-commit").exists()
        check(session)
