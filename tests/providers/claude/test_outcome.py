from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jelmored.domain.events import Draft, ErrorNote, TurnReason
from jelmored.domain.ids import ToolUseId
from jelmored.domain.models import QuotaWindow
from jelmored.errors import ErrorKind
from jelmored.providers.base import RunFacts
from jelmored.providers.claude.messages import Assistant, AssistantMessage, RateLimit, Result, Retry, TextPart
from jelmored.providers.claude.outcome import Outcome

NOW = datetime(2026, 11, 27, tzinfo=UTC)
FAILED = Result(subtype="success", is_error=True, result="it failed")


def outcome() -> Outcome:
    return Outcome(lambda: NOW)


def spoken(parent: str | None = None) -> Assistant:
    message = AssistantMessage(id="m", content=(TextPart(text="API Error"),))
    return Assistant(message=message, parent_tool_use_id=ToolUseId(parent) if parent else None)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({}, TurnReason.COMPLETED),
        ({"terminal_reason": "aborted_tools", "is_error": True}, TurnReason.INTERRUPTED),
        ({"subtype": "error_max_turns", "is_error": True}, TurnReason.MAX_TURNS),
        ({"subtype": "error_max_budget_usd", "is_error": True}, TurnReason.BUDGET),
        ({"is_error": True, "stop_reason": "refusal"}, TurnReason.REFUSED),
        ({"is_error": True}, TurnReason.FAILED),
    ],
)
def test_reasons(result: dict[str, Any], reason: TurnReason) -> None:
    over = outcome().of(Result(**{"subtype": "success", "is_error": False, **result}))
    assert over.reason is reason
    assert (over.failure is not None) is (reason in {TurnReason.FAILED, TurnReason.REFUSED})


def test_what_was_said_on_the_way_tells_the_kind_of_one_failure_only() -> None:
    found = outcome()
    assert found.gave_up(spoken(), "authentication_failed") == []
    kinds = [over.failure and over.failure.kind for over in (found.of(FAILED), found.of(FAILED))]
    assert kinds == [ErrorKind.AUTH_REQUIRED, ErrorKind.UNAVAILABLE]


def test_a_retry_says_when_and_its_status_stands_for_one_that_is_missing() -> None:
    found = outcome()
    (draft,) = found.retried(Retry(attempt=1, max_retries=2, retry_delay_ms=500, error_status=529))
    assert isinstance(draft.metadata, ErrorNote)
    assert draft.metadata.retry_at == NOW + timedelta(seconds=0.5)
    (inner,) = found.gave_up(spoken("t1"), "server_error")
    assert inner.content == "API Error"
    failure = found.of(FAILED).failure
    assert failure is not None
    assert failure.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize(
    ("limit", "used", "warns"),
    [
        (RateLimit(status="allowed", window="five_hour", utilization=0.25), 25.0, False),
        (RateLimit(status="allowed_warning", window="five_hour", utilization=0.914), 91.4, True),
        (RateLimit(status="rejected", window="five_hour"), 100.0, False),
        (RateLimit(status="allowed", window="five_hour"), None, False),
    ],
)
def test_a_quota_is_a_fact_and_a_warning_is_for_people(limit: RateLimit, used: float | None, warns: bool) -> None:
    fact, *warning = outcome().limited(limit)
    assert fact == RunFacts(quota=QuotaWindow(window="five_hour", used_percent=used))
    assert [isinstance(event, Draft) for event in warning] == [True] * warns
