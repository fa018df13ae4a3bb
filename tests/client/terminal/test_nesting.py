from __future__ import annotations

from jelmored.client.terminal.nesting import DEEPEST, STEP, Nesting
from jelmored.domain.ids import ToolUseId

TASK, OTHER = ToolUseId("task"), ToolUseId("other")


def test_it_is_said_whose_work_follows_where_that_can_not_be_seen() -> None:
    nesting = Nesting()
    nesting.used(TASK, None, "look here")
    nesting.used(OTHER, None, "look there")
    assert nesting.turn_to(None, TASK) is None
    assert nesting.turn_to(TASK) is None
    assert nesting.turn_to(TASK) is None
    assert nesting.turn_to(OTHER) == "look there"
    assert nesting.turn_to(TASK) == "look here"
    assert nesting.turn_to(None) is None
    assert nesting.turn_to(TASK) == "look here"
    nesting.clear()
    assert nesting.turn_to(TASK) == "a sub-agent"


def test_depth_has_a_bound_even_where_tools_are_their_own_parents() -> None:
    nesting = Nesting()
    nesting.used(TASK, TASK, "round and round")
    assert nesting.indent(None) == ""
    assert nesting.indent(OTHER) == STEP
    assert nesting.indent(TASK) == STEP * DEEPEST
