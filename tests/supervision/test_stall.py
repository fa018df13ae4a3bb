"""When silence counts, and for how long."""

from __future__ import annotations

import pytest

from jelmored.domain.events import Draft, EventType, ToolResult, ToolUse, TurnReason
from jelmored.domain.ids import PromptId, RequestId, ToolUseId
from jelmored.domain.permissions import PermissionRequest, ToolKind
from jelmored.providers.base import Asked, RunEvent, RunTimeouts, Taken, TakenBack, TurnBegan, TurnOver, Withdrawn
from jelmored.supervision.stall import StallClock

MODEL, TOOL = 100, 1000


def use(name: str) -> Draft:
    tool = ToolUse(tool_use_id=ToolUseId(name), name="Tool", kind=ToolKind.EXECUTE, input={})
    return Draft(EventType.TOOL_USE, "", tool)


def result(name: str) -> Draft:
    return Draft(EventType.TOOL_RESULT, "", ToolResult(tool_use_id=ToolUseId(name), is_error=False))


def asked(name: str) -> Asked:
    request = RequestId(name)
    return Asked(PermissionRequest(request_id=request, tool_name="Tool", kind=ToolKind.OTHER, title="", input={}))


OVER = TurnOver(reason=TurnReason.COMPLETED)


@pytest.mark.parametrize(
    ("story", "deadline"),
    [
        ([], 0 + MODEL),
        ([[]], 1 + MODEL),
        ([[], [], []], 3 + MODEL),
        ([[use("a")]], 1 + TOOL),
        ([[use("a")], []], 1 + TOOL),
        ([[use("a")], [use("b")]], 1 + TOOL),
        ([[use("a")], [use("b")], [result("a")]], 2 + TOOL),
        ([[use("a")], [result("a")]], 2 + MODEL),
        ([[result("a")]], 1 + MODEL),
        ([[asked("r")]], None),
        ([[use("a"), asked("r")]], None),
        ([[asked("r"), asked("s")], [Withdrawn(RequestId("r"))]], None),
        ([[asked("r")], [Withdrawn(RequestId("r"))]], 2 + MODEL),
        ([[OVER]], None),
        ([[asked("r"), use("a")], [OVER], [TurnBegan()]], 3 + MODEL),
    ],
)
def test_a_turn_so_far(story: list[list[RunEvent]], deadline: float | None) -> None:
    clock = StallClock(RunTimeouts(model=MODEL, tool=TOOL))
    clock.prompted(0)
    for now, events in enumerate(story, 1):
        clock.heard(events, now)
    assert clock.deadline == deadline


STEER = PromptId("prm_1")


@pytest.mark.parametrize(
    ("story", "deadline"),
    [
        ([[OVER]], 1 + MODEL),
        ([[use("a")], [OVER]], 2 + MODEL),
        ([[Taken(STEER)], [OVER]], None),
        ([[OVER], [TakenBack(STEER)]], None),
        ([[OVER], [TurnBegan((STEER,))], [OVER]], None),
    ],
)
def test_what_steers_is_awaited_also_behind_its_turn(story: list[list[RunEvent]], deadline: float | None) -> None:
    clock = StallClock(RunTimeouts(model=MODEL, tool=TOOL))
    clock.prompted(0)
    clock.steered(STEER)
    for now, events in enumerate(story, 1):
        clock.heard(events, now)
    assert (clock.deadline, clock.steering) == (deadline, deadline is not None)


def test_without_a_turn_nothing_is_awaited() -> None:
    clock = StallClock(RunTimeouts(model=MODEL))
    assert clock.deadline is None
    clock.heard([], 1)
    assert clock.deadline is None


def test_a_tool_may_have_no_limit() -> None:
    clock = StallClock(RunTimeouts(model=MODEL, tool=0))
    clock.prompted(0)
    clock.heard([use("a")], 1)
    assert clock.deadline is None


def test_the_time_that_a_person_took_is_neither_the_models_nor_the_tools() -> None:
    clock = StallClock(RunTimeouts(model=MODEL, tool=TOOL))
    clock.prompted(0)
    clock.heard([use("a"), asked("r")], 1)
    clock.answered(RequestId("r"), 5000)
    assert clock.deadline == 5000 + TOOL
    clock.heard([result("a")], 5001)
    assert clock.deadline == 5001 + MODEL


def test_what_is_awaited_is_named() -> None:
    clock = StallClock(RunTimeouts(model=MODEL, tool=TOOL))
    clock.prompted(0)
    assert (clock.awaited, clock.limit) == ("model's answer", MODEL)
    clock.heard([use("a")], 1)
    assert (clock.awaited, clock.limit) == ("tool's end", TOOL)
