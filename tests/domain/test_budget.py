from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.budget import Budget, day_after, day_of, day_verdict, session_verdict, turn_verdict
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import MAX_LIMIT, Limits
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind

ONE = SessionId("ses_one")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MONEY = st.floats(min_value=0.0001, max_value=10_000)


def test_without_a_limit_anything_goes() -> None:
    assert session_verdict(Budget(), Limits(), ONE, 1e9) is None
    assert day_verdict(Budget(), 1e9, NOON) is None
    assert turn_verdict(Limits(), ONE, 1e9) is None


@pytest.mark.parametrize(
    ("own", "configured", "limit"), [(None, 2.0, 2.0), (5.0, 2.0, 5.0), (1.0, 2.0, 1.0), (1.0, 0, 1.0), (None, 0, 0)]
)
def test_a_sessions_own_limit_stands_for_the_configured_one(own: float | None, configured: float, limit: float) -> None:
    assert Budget(per_session_usd=configured).session_limit(Limits(max_cost_usd=own)) == limit


@given(limit=MONEY, spent=MONEY)
def test_who_follows_the_remedy_may_go_on(limit: float, spent: float) -> None:
    verdict = session_verdict(Budget(), Limits(max_cost_usd=limit), ONE, spent)
    assert (verdict is not None) == (spent >= limit)
    if verdict is not None:
        assert verdict.kind is ErrorKind.BUDGET_EXCEEDED
        assert verdict.remedy is not None
        raised = float(verdict.remedy.partition("jelmore set ses_one --max-cost ")[2])
        assert session_verdict(Budget(), Limits(max_cost_usd=raised), ONE, spent) is None


@pytest.mark.parametrize("spent", [MAX_LIMIT / 2 + 1, MAX_LIMIT - 0.01, MAX_LIMIT, 2**53 - 1, 1e308])
def test_no_remedy_names_a_limit_that_would_be_refused(spent: float) -> None:
    verdict = session_verdict(Budget(), Limits(max_cost_usd=3), ONE, spent)
    assert verdict is not None
    raised = (verdict.remedy or "").partition("jelmore set ses_one --max-cost ")[2]
    if spent < MAX_LIMIT:
        assert session_verdict(Budget(), Limits(max_cost_usd=float(raised)), ONE, spent) is None
    else:
        assert not raised
        assert "jelmore fork ses_one" in (verdict.remedy or "")


@pytest.mark.parametrize(("limit", "raised"), [(MAX_LIMIT / 2 + 1, MAX_LIMIT), (MAX_LIMIT, 0)])
def test_nor_a_time_that_would_be(limit: float, raised: int) -> None:
    verdict = turn_verdict(Limits(turn_seconds=limit), ONE, limit)
    assert verdict is not None
    assert (verdict.remedy or "").endswith(f"jelmore set ses_one --turn-seconds {raised}")


def test_a_day_that_is_spent_says_when_the_next_one_begins() -> None:
    budget = Budget(per_day_usd=1)
    assert day_verdict(budget, 0.99, NOON) is None
    verdict = day_verdict(budget, 1.0, NOON)
    assert verdict is not None
    assert verdict.retry_at == datetime(2026, 11, 28, tzinfo=UTC)
    assert "per_day_usd" in (verdict.remedy or "")


def test_a_turn_has_its_seconds() -> None:
    limits = Limits(turn_seconds=90)
    assert turn_verdict(limits, ONE, 89.9) is None
    verdict = turn_verdict(limits, ONE, 90)
    assert verdict is not None
    assert verdict.remedy == "raise it: jelmore set ses_one --turn-seconds 180"


@given(st.booleans(), MONEY, MONEY)
def test_what_a_subscription_pays_counts_only_when_asked(count: bool, billed: float, notional: float) -> None:
    usage = Usage(cost_usd=billed) + Usage(cost_usd=notional, notional=True, notional_usd=notional)
    assert Budget(count_notional=count).counted(usage) == pytest.approx(billed + notional * count, abs=1e-6)


def test_days_are_utc() -> None:
    late = datetime(2026, 11, 27, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert day_of(late) == "2026-11-28"
    assert day_after(late) == datetime(2026, 11, 29, tzinfo=UTC)
