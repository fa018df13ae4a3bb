"""Whether an event is worth a notice: pure, so that "once each time, and only when nobody is there" can be tested."""

from __future__ import annotations

import enum

import attrs

from jelmored.domain.events import Event, EventType, TurnCause, TurnEnded, TurnReason
from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import Approval, ApprovalStatus


class Transition(enum.StrEnum):
    """What a person is told of."""

    WAITING = "waiting"
    """It begins to wait for an answer."""
    ENDED = "ended"
    """Its turn is over, and neither failed nor was it interrupted by a person."""
    FAILED = "failed"
    """Its turn failed."""
    MOVED = "moved"
    """It goes on with another provider."""


Questions = frozenset[ApprovalId]
"""The approvals that a session waits on."""


@attrs.frozen
class Decision:
    """`questions`: as they are after the event. `tell`: what is to be told, if anything."""

    questions: Questions
    tell: Transition | None


def decide(questions: Questions, event: Event, subscribers: int) -> Decision:
    """What an event means for whoever is away.

    A session that waits already does not begin to wait, whether that was told or seen by somebody who has left.

    Args:
        questions: that the session waited on before the event.
        event: of the session, the next one.
        subscribers: how many see it at this moment.
    """
    after = _questions_after(questions, event)
    transition = _transition(event, begins_to_wait=bool(after) and not questions)
    return Decision(after, None if subscribers else transition)


def _questions_after(questions: Questions, event: Event) -> Questions:
    match event.metadata:
        case Approval(status=ApprovalStatus.OPEN, approval_id=approval_id):
            return questions | {approval_id}
        case Approval(approval_id=approval_id):
            return questions - {approval_id}
        case _:
            return questions


def _transition(event: Event, *, begins_to_wait: bool) -> Transition | None:
    match event.metadata:
        case Approval():
            return Transition.WAITING if begins_to_wait else None
        case TurnEnded(reason=TurnReason.FAILED):
            return Transition.FAILED
        case TurnEnded(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER):
            return None
        case TurnEnded():
            return Transition.ENDED
        case _:
            return Transition.MOVED if event.event_type is EventType.FAILOVER else None
