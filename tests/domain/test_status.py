"""The one table of what may happen when."""

from __future__ import annotations

import pytest

from jelmored.domain.status import IN_TURN, TRANSITIONS, Status, Step, advance
from jelmored.errors import ErrorKind, Refused

ILLEGAL = [(status, step) for status in Status for step in Step if (status, step) not in TRANSITIONS]


def reachable(start: Status) -> set[Status]:
    """All that can follow, itself too."""
    found, left = {start}, [start]
    while left:
        now = left.pop()
        after = {to for (from_, _), to in TRANSITIONS.items() if from_ is now} - found
        found |= after
        left += after
    return found


def test_a_new_session_can_come_into_every_status() -> None:
    assert reachable(Status.IDLE) == set(Status)


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_way_to_the_end(status: Status) -> None:
    assert Status.TERMINATED in reachable(status)


def test_what_is_put_down_begins_nothing_until_it_is_opened_again() -> None:
    ways = {status: {step for from_, step in TRANSITIONS if from_ is status} for status in Status}
    assert ways[Status.TERMINATED] == {Step.RESUMED}
    assert ways[Status.SUSPENDED] == {Step.RESUMED, Step.CLOSED}


@pytest.mark.parametrize(("status", "step"), TRANSITIONS)
def test_a_step_that_the_table_has(status: Status, step: Step) -> None:
    assert advance(status, step) is TRANSITIONS[status, step]


@pytest.mark.parametrize(("status", "step"), ILLEGAL)
def test_a_step_that_the_table_has_not_is_refused(status: Status, step: Step) -> None:
    with pytest.raises(Refused) as refused:
        advance(status, step)
    assert refused.value.kind is ErrorKind.WRONG_STATUS
    assert status in refused.value.message


def test_a_turn_begins_outside_and_ends_outside_of_a_turn() -> None:
    for status in Status:
        assert ((status, Step.TURN_ENDED) in TRANSITIONS) == (status in IN_TURN)
        assert ((status, Step.CLOSED) in TRANSITIONS) == (status not in IN_TURN | {Status.TERMINATED})
