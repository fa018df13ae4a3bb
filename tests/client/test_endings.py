from __future__ import annotations

from typing import Any

from jelmored.client.endings import Idle, TurnOf, first_turn, for_ever
from jelmored.client.outputs import Output, read_event
from jelmored.domain.ids import PromptId, SessionId
from jelmored.wire.messages import CaughtUp

from .daemon import MOMENT

SESSION = SessionId("ses_a")
CAUGHT_UP = CaughtUp(session_id=SESSION, head=1, open_items=(), approvals=())


def event(event_type: str, **metadata: Any) -> Output:
    return read_event({
        "sessionId": SESSION,
        "seq": 1,
        "eventType": event_type,
        "content": "",
        "metadata": metadata,
        "timestamp": MOMENT,
        "turn": 1,
        "provider": "claude",
    })


ENDED = event("turn_ended", reason="completed", durationMs=1)
MINE = event("turn_started", promptId="prm_1", origin="prompt")
OTHER = event("turn_started", promptId="prm_2", origin="prompt")


def test_the_first_turn_is_the_next_to_end() -> None:
    assert [first_turn(output) for output in (MINE, CAUGHT_UP, ENDED)] == [False, False, True]
    assert not for_ever(ENDED)


def test_the_turn_of_a_prompt_is_not_another_that_ends_before() -> None:
    until = TurnOf(PromptId("prm_1"))
    assert [until(output) for output in (ENDED, OTHER, ENDED, MINE, ENDED)] == [False, False, False, False, True]


def test_a_prompt_that_is_dropped_starts_no_turn() -> None:
    until = TurnOf(PromptId("prm_1"))
    assert not until(event("system", subtype="prompt_dropped", promptId="prm_2"))
    assert until(event("system", subtype="prompt_dropped", promptId="prm_1"))


def test_idle_is_only_known_once_all_is_told() -> None:
    assert [Idle(lambda: True)(output) for output in (ENDED, CAUGHT_UP)] == [False, True]
    busy = Idle(lambda: False)
    assert [busy(output) for output in (ENDED, CAUGHT_UP, MINE, ENDED)] == [False, False, False, True]
