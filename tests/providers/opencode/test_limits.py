"""What a turn may take."""

from __future__ import annotations

import pytest

from jelmored.domain.events import TurnCause, TurnReason
from jelmored.providers.base import TurnOver
from jelmored.providers.opencode.limits import RETRY_WAIT, Limits
from jelmored.providers.opencode.messages import Message, MessageUpdated, SessionStatus, StatusChanged

INTERRUPTED = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)


def _answer(name: str, session_id: str = "ses_1", *, summary: bool = False) -> MessageUpdated:
    return MessageUpdated(info=Message(id=name, session_id=session_id, role="assistant", summary=summary))


def _retry(attempt: int, wait: float = 0) -> StatusChanged:
    status = SessionStatus(type="retry", attempt=attempt, message="down", next=wait)
    return StatusChanged(session_id="ses_1", status=status)


def test_calls_may_fail_so_often_and_no_more() -> None:
    limits = Limits("ses_1", retries=2)

    assert [limits.exceeded([_retry(attempt)]) for attempt in (1, 2, 3, 4)] == [False, False, True, False]
    assert limits.failure is not None


@pytest.mark.parametrize(("wait", "exceeded"), [(RETRY_WAIT - 5, False), (RETRY_WAIT + 5, True)])
def test_the_next_call_must_be_near(wait: float, exceeded: bool) -> None:
    limits = Limits("ses_1", retries=2)
    at = (limits.now().timestamp() + wait) * 1000

    assert limits.exceeded([_retry(1, at)]) is exceeded


def test_a_turn_has_so_many_rounds_of_its_own_and_no_more() -> None:
    limits = Limits("ses_1", retries=0, rounds=2)
    events = [
        _answer("msg_1"),
        _answer("msg_1"),
        _answer("msg_a", "ses_child"),
        _answer("msg_s", summary=True),
        _answer("msg_2"),
        _answer("msg_3"),
    ]

    assert [limits.exceeded([event]) for event in events] == [False] * 5 + [True]
    assert limits.told(INTERRUPTED) == TurnOver(reason=TurnReason.MAX_TURNS)
    assert not limits.exceeded([_answer("msg_4")]), "the next turn counts anew"
    assert limits.told(INTERRUPTED) == INTERRUPTED


def test_without_a_limit_there_is_none() -> None:
    limits = Limits("ses_1", retries=0)

    assert not any(limits.exceeded([_answer(f"msg_{number}")]) for number in range(1000))


def test_a_turn_that_ended_well_in_spite_of_it_ended_well() -> None:
    limits = Limits("ses_1", retries=0, rounds=1)
    assert limits.exceeded([_answer("msg_1")]) is False
    assert limits.exceeded([_answer("msg_2")]) is True

    assert limits.told(TurnOver(reason=TurnReason.COMPLETED)).reason is TurnReason.COMPLETED
