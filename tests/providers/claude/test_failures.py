"""The rows of what the model's endpoint can do are in the golden lists (`err_*`); here is what no capture has."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from jelmored.domain.failures import RunClass
from jelmored.errors import ErrorKind
from jelmored.providers.base import TurnOver
from jelmored.providers.claude import failures
from jelmored.providers.claude.messages import RateLimit, Result, Retry

from .replay import replay

FAILED = Result(subtype="success", is_error=True, result="API Error")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ("server_error", 500, ErrorKind.UNAVAILABLE),
        ("server_error", 529, ErrorKind.OVERLOADED),
        ("overloaded", None, ErrorKind.OVERLOADED),
        ("server_error", None, ErrorKind.NETWORK),
        ("unknown", None, ErrorKind.NETWORK),
        ("unknown", 400, ErrorKind.INVALID_REQUEST),
        ("unknown", 402, ErrorKind.BILLING),
        ("unknown", 404, ErrorKind.MODEL_NOT_SUPPORTED),
        ("unknown", 503, ErrorKind.UNAVAILABLE),
        (None, None, ErrorKind.UNAVAILABLE),
    ],
)
def test_kinds(error: str | None, status: int | None, kind: ErrorKind) -> None:
    assert failures.kind_of(error, status) is kind


def test_the_last_retry_has_the_status_that_the_result_leaves_out() -> None:
    retry = Retry(attempt=2, max_retries=2, retry_delay_ms=1.0, error_status=529, error="overloaded")
    assert failures.of_turn(FAILED, "server_error", retry, None).kind is ErrorKind.OVERLOADED


def test_a_quota_tells_when_it_resets() -> None:
    limit = RateLimit(status="rejected", resets_at=1999999999)
    failure = failures.of_turn(FAILED, "rate_limit", None, limit)
    assert failure.retry_at == datetime(2033, 5, 18, 3, 33, 19, tzinfo=UTC)
    assert failures.of_turn(FAILED, "server_error", None, limit).retry_at is None
    assert failures.reset_time(RateLimit(status="rejected", resets_at=1e300)) is None


def test_an_answer_that_is_none_of_a_model_is_not_the_networks_fault() -> None:
    result = attrs.evolve(FAILED, result="API Error: API returned an empty or malformed response (HTTP 200)")
    assert failures.of_turn(result, "unknown", None, None).kind is ErrorKind.UNAVAILABLE


CLASSES = {
    "err_400": RunClass.REQUEST,
    "err_400_credit": RunClass.PERMANENT,
    "err_401": RunClass.PERMANENT,
    "err_403": RunClass.PERMANENT,
    "err_404_model": RunClass.REQUEST,
    "err_413": RunClass.REQUEST,
    "err_429_retries2": RunClass.THROTTLED,
    "err_500_retries2": RunClass.UNAVAILABLE,
    "err_529_default_retries": RunClass.THROTTLED,
    "err_529_fallback": RunClass.THROTTLED,
    "err_conn_refused": RunClass.UNAVAILABLE,
    "err_cut_headers": RunClass.UNAVAILABLE,
    "err_hang_timeout": RunClass.UNAVAILABLE,
    "not_logged_in": RunClass.PERMANENT,
    "stop_refusal": RunClass.REQUEST,
}


@pytest.mark.parametrize(("capture", "cls"), CLASSES.items())
def test_classes_and_remedies(capture: str, cls: RunClass) -> None:
    (over,) = [event for event in replay(capture) if isinstance(event, TurnOver)]
    assert over.failure is not None
    assert over.failure.cls is cls
    assert over.failure.remedy or cls is not RunClass.PERMANENT


@pytest.mark.parametrize("capture", ["err_500_then_ok", "err_cut_mid", "err_garbled", "err_sse_error"])
def test_what_the_agent_mended_by_itself_is_no_failure(capture: str) -> None:
    (over,) = [event for event in replay(capture) if isinstance(event, TurnOver)]
    assert over.failure is None


def test_an_exit_says_how() -> None:
    error = failures.of_exit(1, None, "some words\n", None)
    assert (error.kind, error.evidence) == (ErrorKind.AGENT_CRASHED, {"exitCode": 1, "stderrTail": "some words"})
    assert "exit code 1" in error.message
    assert "signal 9" in failures.of_exit(None, 9, "", None).message


def test_a_failed_resume_is_told_by_a_result_too() -> None:
    stray = Result(
        subtype="error_during_execution", is_error=True, errors=("No conversation found with session ID: 1",)
    )
    assert failures.of_exit(1, None, "", stray).evidence["native_lost"] is True


def test_a_message_that_is_not_there_is_lost_memory() -> None:
    error = failures.of_exit(1, None, "No message found with message.uuid of: 4711", None)
    assert (error.kind, error.evidence["native_lost"]) == (ErrorKind.STATE_INVALID, True)
