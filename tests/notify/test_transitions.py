"""Once each time, and only when nobody is there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import Event, EventType, System, TurnCause, TurnReason
from jelmored.domain.permissions import ApprovalStatus
from jelmored.notify.transitions import Questions, Transition, decide

from .cases import answered, asked, ended, event, moved

USER = TurnCause.USER
Seen = tuple[Event, int]


def told(events: Sequence[Seen]) -> list[Transition | None]:
    """What is told of each event of a session, with so many subscribers at that moment."""
    questions: Questions = frozenset()
    out = []
    for happened, subscribers in events:
        decision = decide(questions, happened, subscribers)
        questions = decision.questions
        out.append(decision.tell)
    return out


def alone(*events: Event) -> list[Transition | None]:
    return told([(happened, 0) for happened in events])


def test_it_waits_once_until_it_has_stopped_waiting() -> None:
    assert alone(asked("a"), asked("b"), answered("a"), asked("c"), answered("b"), answered("c"), asked("d")) == [
        *(Transition.WAITING, None, None, None, None, None),
        Transition.WAITING,
    ]


def test_who_has_seen_it_wait_is_not_told_when_he_leaves() -> None:
    assert told([(asked("a"), 1), (asked("b"), 0), (answered("a"), 0), (answered("b"), 0), (asked("c"), 0)]) == [
        *(None, None, None, None),
        Transition.WAITING,
    ]


@pytest.mark.parametrize("status", [ApprovalStatus.CANCELLED, ApprovalStatus.EXPIRED, ApprovalStatus.RESOLVED])
def test_however_a_question_is_settled_the_next_one_is_told(status: ApprovalStatus) -> None:
    assert alone(asked("a"), answered("a", status), asked("b"))[-1] is Transition.WAITING


def test_a_settled_question_of_a_former_life_is_nothing() -> None:
    assert alone(answered("a", ApprovalStatus.CANCELLED)) == [None]


@pytest.mark.parametrize(
    ("happened", "transition"),
    [
        *((ended(reason), Transition.ENDED) for reason in TurnReason if reason is not TurnReason.FAILED),
        (ended(TurnReason.FAILED), Transition.FAILED),
        (ended(TurnReason.FAILED, TurnCause.CRASH), Transition.FAILED),
        *((ended(TurnReason.INTERRUPTED, cause), Transition.ENDED) for cause in TurnCause if cause is not USER),
        (ended(TurnReason.INTERRUPTED, USER), None),
        (moved(), Transition.MOVED),
        (event(EventType.SYSTEM, System(subtype="x")), None),
    ],
)
def test_what_happens_is_told_to_who_is_away(happened: Event, transition: Transition | None) -> None:
    assert told([(happened, 0), (happened, 1)]) == [transition, None]


events = st.one_of(
    st.builds(asked, st.sampled_from("abc")),
    st.builds(answered, st.sampled_from("abc"), st.sampled_from(["resolved", "cancelled"]).map(ApprovalStatus)),
    st.builds(ended, st.sampled_from(TurnReason), st.sampled_from([None, *TurnCause])),
    st.builds(moved),
)


@given(st.lists(st.tuples(events, st.integers(0, 2)), max_size=40))
def test_of_any_life_it_is_told_once_each_time_and_only_when_nobody_is_there(life: list[Seen]) -> None:
    waiting: set[str] = set()
    for (happened, subscribers), transition in zip(life, told(life), strict=True):
        before = set(waiting)
        match happened.event_type, happened.metadata:
            case EventType.APPROVAL_REQUESTED, approval:
                waiting.add(approval.approval_id)  # type: ignore[union-attr]
            case EventType.APPROVAL_RESOLVED, approval:
                waiting.discard(approval.approval_id)  # type: ignore[union-attr]
        assert not (transition and subscribers), "somebody is there"
        began = not before and waiting and not subscribers
        assert (transition is Transition.WAITING) == bool(began)
        ends = happened.event_type is EventType.TURN_ENDED and happened != ended(TurnReason.INTERRUPTED, USER)
        assert (transition in (Transition.ENDED, Transition.FAILED)) == (ends and not subscribers)
        assert (transition is Transition.MOVED) == (happened.event_type is EventType.FAILOVER and not subscribers)
