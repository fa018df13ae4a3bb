"""What an agent must do by when. Times are told, nothing waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jelmored.domain.events import Draft, EventType, ToolUse, TurnReason
from jelmored.domain.failures import RunClass
from jelmored.domain.ids import ToolUseId
from jelmored.domain.permissions import ToolKind
from jelmored.errors import ErrorKind
from jelmored.providers.base import RunTimeouts, TurnOver
from jelmored.supervision.deadlines import CLOSE, INTERRUPT, REST, START, Deadlines

NOW = 1000.0
TIMEOUTS = RunTimeouts(model=100, tool=400)
TOOL = Draft(EventType.TOOL_USE, "", ToolUse(tool_use_id=ToolUseId("t"), name="T", kind=ToolKind.OTHER, input={}))
OVER = TurnOver(reason=TurnReason.COMPLETED)


def in_turn() -> Deadlines:
    clocks = Deadlines(TIMEOUTS)
    clocks.silence.prompted(NOW)
    return clocks


def start(clocks: Deadlines) -> None:
    clocks.starting(NOW)


def interrupt(clocks: Deadlines) -> None:
    clocks.interrupted(NOW)


def close(clocks: Deadlines) -> None:
    clocks.closed(NOW)


def test_without_an_order_nothing_is_due() -> None:
    assert in_turn().missed(NOW + 1e9) is None


@pytest.mark.parametrize(
    ("order", "seconds", "what"),
    [
        (start, START, "the agent was not ready within 60 s"),
        (interrupt, INTERRUPT, "the agent did not answer an interrupt for 5 s"),
        (close, CLOSE, "the agent did not end when it was told to"),
    ],
)
def test_what_was_ordered_is_due(order: Callable[[Deadlines], None], seconds: float, what: str) -> None:
    clocks = in_turn()
    order(clocks)
    assert clocks.missed(NOW + seconds - 0.1) is None
    missed = clocks.missed(NOW + seconds)
    assert missed is not None
    assert (missed.kind, missed.cls, missed.message) == (ErrorKind.AGENT_CRASHED, RunClass.CRASH, what)


def test_one_that_is_ready_has_met_its_deadline() -> None:
    clocks = Deadlines(TIMEOUTS)
    clocks.starting(NOW)
    clocks.started()
    assert clocks.missed(NOW + START) is None


def test_a_turn_that_is_over_has_answered_the_interrupt() -> None:
    clocks = in_turn()
    clocks.interrupted(NOW)
    clocks.silence.heard([OVER], NOW + 1)
    clocks.turn_over()
    assert clocks.missed(NOW + INTERRUPT) is None


def test_who_asks_for_an_interrupt_again_gives_no_more_time() -> None:
    clocks = in_turn()
    clocks.interrupted(NOW)
    clocks.interrupted(NOW + 4)
    assert clocks.missed(NOW + INTERRUPT) is not None


def test_an_interrupt_without_a_turn_expects_nothing() -> None:
    clocks = Deadlines(TIMEOUTS)
    clocks.interrupted(NOW)
    assert clocks.missed(NOW + INTERRUPT) is None


def test_a_later_interrupt_has_its_own_time() -> None:
    clocks = in_turn()
    clocks.interrupted(NOW)
    clocks.turn_over()
    clocks.interrupted(NOW + 50)
    assert clocks.missed(NOW + 50) is None
    assert clocks.missed(NOW + 50 + INTERRUPT) is not None


def test_a_silent_model_is_stalled() -> None:
    clocks = in_turn()
    assert clocks.stalled(NOW + 99) is None
    stalled = clocks.stalled(NOW + 100)
    assert stalled is not None
    assert (stalled.kind, stalled.cls) == (ErrorKind.TURN_STALLED, RunClass.UNAVAILABLE)
    assert stalled.message == "no sign of life for 100 s while the model's answer was awaited"
    assert stalled.remedy


def test_a_silent_tool_has_its_own_limit_and_is_named() -> None:
    clocks = in_turn()
    clocks.silence.heard([TOOL], NOW)
    assert clocks.stalled(NOW + 399) is None
    stalled = clocks.stalled(NOW + 400)
    assert stalled is not None
    assert stalled.message == "no sign of life for 400 s while the tool's end was awaited"


def test_without_a_turn_nobody_is_stalled() -> None:
    assert Deadlines(TIMEOUTS).stalled(NOW + 1e9) is None


def test_without_anything_to_do_it_is_looked_at_now_and_then() -> None:
    assert Deadlines(TIMEOUTS).due(NOW) == NOW + REST


@pytest.mark.parametrize(("order", "seconds"), [(start, START), (interrupt, INTERRUPT), (close, CLOSE)])
def test_it_is_looked_at_when_the_next_deadline_passes(order: Callable[[Deadlines], None], seconds: float) -> None:
    clocks = in_turn()
    assert clocks.due(NOW) == NOW + 100
    order(clocks)
    assert clocks.due(NOW) == NOW + seconds


def test_what_was_stopped_for_its_silence_has_the_time_of_an_interrupt() -> None:
    clocks = in_turn()
    clocks.silenced(NOW + 100)
    assert clocks.stalled(NOW + 100) is None
    assert clocks.due(NOW) == NOW + 100 + INTERRUPT
    assert clocks.missed(NOW + 100 + INTERRUPT) is not None
