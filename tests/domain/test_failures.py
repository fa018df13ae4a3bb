"""The class of a failure decides what happens: none may be without."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jelmored.domain.failures import CLASS_OF, REQUESTED, Failure, RunClass, RunEnd
from jelmored.errors import RETRYABLE, ErrorKind, ProviderError, ProviderUnavailableError, SessionError

OF_A_TURN = [kind for kind in ErrorKind if 1300 <= kind.code < 1400] + [
    ErrorKind.TURN_STALLED,
    ErrorKind.BUDGET_EXCEEDED,
    ErrorKind.OVERLOADED,
    ErrorKind.FOREIGN_WRITER,
    ErrorKind.FORBIDDEN,
]
"""Protocol 1, section 5: the kinds that an agent, its model or a limit can end a turn with."""


@pytest.mark.parametrize("kind", OF_A_TURN)
def test_every_kind_that_ends_a_turn_has_a_class_of_its_own(kind: ErrorKind) -> None:
    assert Failure(kind=kind, message="").cls is CLASS_OF[kind]


def test_the_table_has_nothing_else() -> None:
    assert set(CLASS_OF) == set(OF_A_TURN)


def test_a_kind_that_no_agent_should_tell_counts_as_a_crash() -> None:
    assert Failure(kind=ErrorKind.KEY_REUSED, message="").cls is RunClass.CRASH


def test_what_only_a_person_can_mend_is_not_for_trying_again() -> None:
    for kind, cls in CLASS_OF.items():
        if cls in (RunClass.PERMANENT, RunClass.REQUEST):
            assert kind not in RETRYABLE, kind
        else:
            assert Failure(kind=kind, message="").retryable, kind


@pytest.mark.parametrize("error", [ProviderError, ProviderUnavailableError, SessionError])
def test_an_error_is_told_whole(error: type[ProviderError]) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    failure = Failure.of(
        error(ErrorKind.RATE_LIMITED, "slow down", remedy="wait", retry_at=at, evidence={"status": 429})
    )
    assert failure == Failure(
        kind=ErrorKind.RATE_LIMITED, message="slow down", remedy="wait", retry_at=at, evidence={"status": 429}
    )
    assert RunEnd.failed(failure) == RunEnd(cls=RunClass.THROTTLED, failure=failure)


def test_an_end_that_was_asked_for_is_no_failure() -> None:
    assert REQUESTED.failure is None


def test_the_codes_of_our_own_kinds_differ() -> None:
    ours = [kind.code for kind in ErrorKind if kind.code > 0]
    assert len(set(ours)) == len(ours)
    assert all(1000 <= code <= 1999 for code in ours)
