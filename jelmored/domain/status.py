"""A session's status: the one table of its transitions (docs/status.md is generated from it)."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from jelmored.errors import ErrorKind, Refused


class Status(enum.StrEnum):
    INITIALIZING = "initializing"
    """Its first or a resumed run starts."""
    IDLE = "idle"
    """No turn runs."""
    ACTIVE = "active"
    """A turn runs."""
    WAITING_INPUT = "waiting_input"
    """A turn runs and an approval is open."""
    SUSPENDED = "suspended"
    """Its run was ended and its state given out; it can be resumed here or elsewhere."""
    FAILED = "failed"
    """Its last run could not be started."""
    TERMINATED = "terminated"


class Step(enum.StrEnum):
    """What moves a session on."""

    RUN_STARTING = "run starting"
    TURN_STARTED = "turn started"
    APPROVAL_OPENED = "approval opened"
    APPROVALS_SETTLED = "approvals settled"
    TURN_ENDED = "turn ended"
    START_FAILED = "start failed"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    CLOSED = "closed"


S, T = Status, Step

TRANSITIONS: Mapping[tuple[Status, Step], Status] = {
    (S.IDLE, T.RUN_STARTING): S.INITIALIZING,
    (S.ACTIVE, T.RUN_STARTING): S.INITIALIZING,
    (S.FAILED, T.RUN_STARTING): S.INITIALIZING,
    (S.INITIALIZING, T.TURN_STARTED): S.ACTIVE,
    (S.INITIALIZING, T.TURN_ENDED): S.IDLE,
    (S.INITIALIZING, T.START_FAILED): S.FAILED,
    (S.IDLE, T.TURN_STARTED): S.ACTIVE,
    (S.FAILED, T.TURN_STARTED): S.ACTIVE,  # its agent was there, and the last turn refused for another reason
    (S.ACTIVE, T.APPROVAL_OPENED): S.WAITING_INPUT,
    (S.ACTIVE, T.TURN_ENDED): S.IDLE,
    (S.WAITING_INPUT, T.APPROVAL_OPENED): S.WAITING_INPUT,
    (S.WAITING_INPUT, T.APPROVALS_SETTLED): S.ACTIVE,
    (S.WAITING_INPUT, T.TURN_ENDED): S.IDLE,
    (S.IDLE, T.SUSPENDED): S.SUSPENDED,
    (S.FAILED, T.SUSPENDED): S.SUSPENDED,
    (S.SUSPENDED, T.RESUMED): S.IDLE,
    (S.FAILED, T.RESUMED): S.IDLE,
    (S.TERMINATED, T.RESUMED): S.IDLE,
    (S.SUSPENDED, T.CLOSED): S.TERMINATED,
    (S.IDLE, T.CLOSED): S.TERMINATED,
    (S.FAILED, T.CLOSED): S.TERMINATED,
}
"""What may happen when. What is not here is refused. A close in a turn interrupts it first."""


def advance(status: Status, step: Step) -> Status:
    """The status after a step.

    Raises:
        Refused: `wrong-status`, when the step can't be taken from there; nothing has changed.
    """
    try:
        return TRANSITIONS[status, step]
    except KeyError:
        raise Refused(ErrorKind.WRONG_STATUS, f"{step}: not while the session is {status}") from None


IN_TURN = frozenset({Status.INITIALIZING, Status.ACTIVE, Status.WAITING_INPUT})
"""A turn has begun and has not ended."""
