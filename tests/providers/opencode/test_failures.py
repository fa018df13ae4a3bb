from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jelmored.errors import ErrorKind
from jelmored.providers.opencode import failures
from jelmored.providers.opencode.messages import ErrorData, ErrorInfo, SessionStatus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def error(name: str = "APIError", **data: Any) -> ErrorInfo:
    return ErrorInfo(name=name, data=ErrorData(**data))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, "", ErrorKind.INVALID_REQUEST),
        (400, "context_length_exceeded", ErrorKind.CONTEXT_TOO_LONG),
        (401, "", ErrorKind.AUTH_REQUIRED),
        (402, "", ErrorKind.BILLING),
        (403, "", ErrorKind.AUTH_REQUIRED),
        (404, "", ErrorKind.MODEL_NOT_SUPPORTED),
        (413, "", ErrorKind.CONTEXT_TOO_LONG),
        (429, "", ErrorKind.RATE_LIMITED),
        (429, '{"error": {"code": "insufficient_quota"}}', ErrorKind.BILLING),
        (500, "", ErrorKind.UNAVAILABLE),
        (503, "rate limit", ErrorKind.UNAVAILABLE),
        (529, "", ErrorKind.OVERLOADED),
    ],
)
def test_a_status_has_its_kind_and_sometimes_words_say_more(status: int, body: str, kind: ErrorKind) -> None:
    assert failures.kind_of(error(status_code=status, response_body=body)) is kind


@pytest.mark.parametrize(
    ("name", "message", "kind"),
    [
        ("ProviderAuthError", "", ErrorKind.AUTH_REQUIRED),
        ("ContextOverflowError", "", ErrorKind.CONTEXT_TOO_LONG),
        ("ContentFilterError", "", ErrorKind.REFUSED),
        ("MessageOutputLengthError", "", ErrorKind.INVALID_REQUEST),
        ("UnknownError", "Model not found: fake/nope.", ErrorKind.MODEL_NOT_SUPPORTED),
        ("UnknownError", 'Agent not found: "nope"', ErrorKind.INVALID_REQUEST),
        ("UnknownError", "JSON parsing failed", ErrorKind.UNAVAILABLE),
        ("APIError", "Cannot connect to API: Unable to connect.", ErrorKind.NETWORK),
        ("APIError", "Connection reset by server", ErrorKind.NETWORK),
        ("APIError", "Provider response headers timed out after 2000ms", ErrorKind.NETWORK),
        ("APIError", "SSE read timed out", ErrorKind.UNAVAILABLE),
        ("NewError", "", ErrorKind.UNAVAILABLE),
    ],
)
def test_without_a_status_the_name_or_the_words_tell(name: str, message: str, kind: ErrorKind) -> None:
    assert failures.kind_of(error(name, message=message)) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:00"}, 60),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": 7}, None),
        ({}, None),
    ],
)
def test_the_time_at_which_it_may_work_again(headers: dict[str, Any], seconds: float | None) -> None:
    failure = failures.of_turn(error(status_code=429, response_headers=headers), NOW)
    assert failure.retry_at == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_a_failure_says_what_was_seen_and_what_to_do() -> None:
    failure = failures.of_turn(error(status_code=401, message="bad key", response_headers={"retry-after": "9"}), NOW)
    assert (failure.message, failure.retry_at) == ("bad key", None)
    assert failure.remedy == failures.REMEDIES[ErrorKind.AUTH_REQUIRED]
    assert failure.evidence == {"error": "APIError", "status": 401}
    assert failures.of_turn(error("NewError"), NOW).message == "NewError"


def retry(attempt: int, seconds: float, message: str = "Rate limit reached") -> SessionStatus:
    at = (NOW.timestamp() + seconds) * 1000
    return SessionStatus(type="retry", attempt=attempt, message=message, next=at)


def too_long(status: SessionStatus) -> Any:
    return failures.too_long(status, NOW, attempts_allowed=3, seconds_allowed=60)


def test_a_retry_within_bounds_is_let_be() -> None:
    assert too_long(retry(3, 60)) is None
    assert too_long(SessionStatus(type="busy")) is None


@pytest.mark.parametrize(
    ("status", "kind", "waits"),
    [
        (retry(1, 86_400), ErrorKind.RATE_LIMITED, True),
        (retry(4, 1), ErrorKind.RATE_LIMITED, True),
        (retry(1, 61, "Provider is overloaded"), ErrorKind.OVERLOADED, True),
        (retry(4, 1, "fake error 500"), ErrorKind.UNAVAILABLE, False),
        (retry(4, 1, "Unable to connect"), ErrorKind.NETWORK, False),
    ],
)
def test_one_that_is_not_says_when_it_may_work(status: SessionStatus, kind: ErrorKind, waits: bool) -> None:
    failure = too_long(status)
    assert failure.kind is kind
    assert failure.retry_at == (failures.retry_time(status) if waits else None)


def test_a_time_beyond_the_calendar_is_none() -> None:
    assert too_long(SessionStatus(type="retry", attempt=1, next=1e300)) is not None
    assert failures.retry_time(SessionStatus(type="retry", next=1e300)) is None
    assert failures.retry_time(SessionStatus(type="retry")) is None
