"""A session that comes back to a daemon which it has left: whether its log there goes on exactly from the one here.

Logs only grow, and what a log goes on from stands in its facts (`Facts.lineage`). So one look at two places tells
whether one is the continuation of the other, or both have gone on apart. Pure.
"""

from __future__ import annotations

from jelmored.domain.sessions import Facts, LogPoint
from jelmored.domain.status import IN_TURN
from jelmored.errors import ErrorKind, Refused

SEQ = "state.facts.seq"


def comes_back(was: Facts, here: Facts) -> bool:
    """What a state tells of goes on from what is here.

    Args:
        was: of the state.
    """
    return here.point in was.lineage


def check_at(here: Facts, at: LogPoint) -> None:
    """Nothing has happened here since, and nothing is about to.

    Raises:
        Refused: `state-invalid`.
    """
    if here.point != at:
        raise gone_on(here, at)
    if here.status in IN_TURN or here.approvals:
        raise _apart(here, f"a turn runs here since event {at.seq}, where it left")
    if here.waiting_until is not None:
        raise _apart(here, f"a prompt waits here for a provider since event {at.seq}, where it left")


def check_whole(was: Facts, here: Facts) -> None:
    """The log of the other daemon reaches back to the end of the one here.

    Raises:
        Refused: `state-invalid`.
    """
    if was.begins_after > here.seq:
        told = (
            f"session {here.session_id} stands at event {here.seq} here, and its log there begins with "
            f"{was.begins_after + 1}: what is between is in neither"
        )
        raise Refused(ErrorKind.STATE_INVALID, told, remedy="go on with it there", field="state.facts.beginsAfter")


def check_same(was: Facts, here: Facts) -> None:
    """The session of a state is here, and nothing has happened in it since.

    Raises:
        Refused: `state-invalid`.
    """
    if was.point == here.point:
        return
    if not comes_back(was, here):
        raise apart(was, here)
    raise Refused(
        ErrorKind.STATE_INVALID,
        f"session {here.session_id} is here as it left, at event {here.seq}; what happened elsewhere from there to "
        f"event {was.seq} is not in a state",
        remedy="bring all of it: `jelmore export -o FILE` in the daemon where it was, `jelmore import FILE` here",
        field=SEQ,
    )


def gone_on(here: Facts, at: LogPoint) -> Refused:
    """Something has happened here since it left."""
    return _apart(here, f"it left at event {at.seq} and has gone on here to event {here.seq}")


def apart(was: Facts, here: Facts) -> Refused:
    """What a state tells of, and what is here, are not one thing: which is which."""
    there = f"the state is of event {was.seq}"
    left = next((point for point in reversed(was.lineage) if point.log_id == here.log_id), None)
    taken = next((point for point in reversed(here.lineage) if point.log_id == was.log_id), None)
    if was.log_id == here.log_id:
        told = f"the state is of event {was.seq}, and its log has gone on to event {here.seq}"
    elif taken is not None and was.seq <= taken.seq:
        told = f"{there}, it came from there at event {taken.seq}, and stands at event {here.seq} here"
    elif left is not None and left.seq < here.seq:
        told = f"it left at event {left.seq}; since then it has gone on here to event {here.seq}, and {there} elsewhere"
    else:
        told = f"{there}, and it has another log here, which stands at event {here.seq}"
    return _apart(here, told)


def _apart(here: Facts, told: str) -> Refused:
    return Refused(
        ErrorKind.STATE_INVALID,
        f"session {here.session_id} is here already, and not as in the state: {told}",
        remedy=f"go on with the one that is here: jelmore resume {here.session_id}",
        field=SEQ,
    )
