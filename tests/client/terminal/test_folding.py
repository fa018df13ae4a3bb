from __future__ import annotations

from .stage import BY, Stage, approval, stage


def use(on: Stage, tool: str, what: str, parent: str | None = None) -> Stage:
    more = {"parentToolUseId": parent} if parent else {}
    return on.event("tool_use", what, toolUseId=tool, name="Bash", kind="execute", input={}, **more)


def end(on: Stage, tool: str, output: str = "") -> Stage:
    return on.event("tool_result", output, toolUseId=tool, isError=False)


def over(on: Stage, reason: str = "completed") -> Stage:
    return on.event("turn_ended", reason, reason=reason, durationMs=1000)


def plan(on: Stage, *statuses: str) -> Stage:
    entries = [{"content": f"step {number}", "status": status} for number, status in enumerate(statuses)]
    return on.event("plan", "", entries=entries)


async def test_a_tool_is_said_when_it_has_ended() -> None:
    on = use(stage(), "t1", "make")
    on.event("assistant", "Meanwhile.", itemId="i1")
    assert on.lines == ["Meanwhile.", "● execute  make", "ses_aaaa · claude · claude-test-1 · idle · ? keys"]
    assert end(on, "t1", "done").lines[:2] == ["Meanwhile.", "● execute  make  ok  done"]


async def test_a_tool_that_never_ends_is_said_with_its_turn() -> None:
    assert over(use(stage(), "t1", "make"), "interrupted").lines[0] == "● execute  make"


async def test_of_many_tools_that_run_the_last_are_seen() -> None:
    on = stage()
    for number in range(7):
        use(on, str(number), f"make {number}")
    assert on.lines[:4] == ["  … 4 more run", *(f"● execute  make {number}" for number in (4, 5, 6))]


async def test_a_sub_agents_tools_stand_under_it() -> None:
    on = use(use(stage(), "task", "look"), "t1", "a", "task")
    end(use(end(on, "t1"), "t2", "b", "t1"), "t2")
    assert end(on, "task", "found").lines[:4] == [
        "● execute  look",
        "  ● execute  a  ok",
        "  ┆ of a",
        "    ● execute  b  ok",
    ]


async def test_an_approval_is_a_line_once_it_is_settled() -> None:
    on = stage()
    asked = approval(command="make\nall")
    told = {"approvalId": asked.approval_id, "sessionId": asked.session_id, "turn": 1, "kind": "permission"}
    options = [{"optionId": "reject", "name": "Reject", "kind": "reject_once"}]
    told |= {"title": "Bash", "command": "make\nall", "options": options, "createdAt": "2026-11-23T10:00:00.000Z"}
    on.event("approval_requested", "", **told, status="open")
    on.live.noted(asked, "not now")
    by = {"kind": "client", "client": "zed", "connectionId": "con_other", "optionId": "reject"}
    on.event("approval_resolved", "", **told, status="resolved", resolvedBy=by)
    assert on.lines[0] == "┃ ✗ rejected by zed: not now  Bash: make all"


async def test_a_plan_is_seen_while_it_changes_and_said_once() -> None:
    on = plan(plan(stage(), "in_progress", "pending"), "completed", "in_progress")
    assert on.lines[:2] == ["  ☑ step 0", "  ◐ step 1"]
    over(on)
    assert on.lines[:2] == ["  ☑ step 0", "  ◐ step 1"]
    assert sum("step 0" in line for line in over(plan(on, "completed", "in_progress")).lines) == 1


async def test_of_a_long_plan_the_part_in_hand_is_seen() -> None:
    on = plan(stage(), *["completed"] * 9, "in_progress", *["pending"] * 9)
    assert on.lines[:2] == ["  9 of 19 done", "  ☑ step 8"]


async def test_a_prompt_that_waits_is_said_when_its_turn_begins() -> None:
    on = stage()
    on.event("user", "and then", promptId="p1", disposition="queued", by=BY)
    assert on.lines[0] == "› and then  waits"
    assert on.live.waits
    on.event("turn_started", "", promptId="p1", origin="prompt")
    assert on.lines[0] == "› and then"
    assert not on.live.waits
