"""Why a turn or a process of claude failed, in our kinds, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import native_lost

from .messages import RateLimit, Result, Retry

LOG_IN = "run `claude /login`, or set ANTHROPIC_API_KEY in the provider's environment"
INSTALL = "run `npm install -g @anthropic-ai/claude-code`"

REMEDIES: Mapping[ErrorKind, str] = {
    ErrorKind.AUTH_REQUIRED: LOG_IN,
    ErrorKind.BILLING: "add credit to the account, or use another provider",
    ErrorKind.MODEL_NOT_SUPPORTED: "choose another model: `jelmore models` lists them",
    ErrorKind.CONTEXT_TOO_LONG: "start a new session, attach less, or choose a model with a larger window",
    ErrorKind.REFUSED: "say it in another way, or choose another model",
    ErrorKind.NETWORK: "check the network and the provider's base URL",
}

_BY_ERROR: Mapping[str, ErrorKind] = {
    "authentication_failed": ErrorKind.AUTH_REQUIRED,
    "oauth_org_not_allowed": ErrorKind.AUTH_REQUIRED,
    "billing_error": ErrorKind.BILLING,
    "model_not_found": ErrorKind.MODEL_NOT_SUPPORTED,
    "rate_limit": ErrorKind.RATE_LIMITED,
    "overloaded": ErrorKind.OVERLOADED,
    "invalid_request": ErrorKind.INVALID_REQUEST,
}

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: ErrorKind.AUTH_REQUIRED,
    402: ErrorKind.BILLING,
    403: ErrorKind.AUTH_REQUIRED,
    404: ErrorKind.MODEL_NOT_SUPPORTED,
    408: ErrorKind.UNAVAILABLE,
    429: ErrorKind.RATE_LIMITED,
    529: ErrorKind.OVERLOADED,
}


def kind_of(error: str | None, status: int | None) -> ErrorKind:
    """The kind of a failed request: the CLI's word for it, and the HTTP status (None: no answer came)."""
    if status == 529:
        return ErrorKind.OVERLOADED
    if error is not None and error in _BY_ERROR:
        return _BY_ERROR[error]
    if status is None:
        return ErrorKind.NETWORK if error else ErrorKind.UNAVAILABLE
    return _BY_STATUS.get(status, ErrorKind.UNAVAILABLE if status >= 500 else ErrorKind.INVALID_REQUEST)


def of_turn(result: Result, error: str | None, retry: Retry | None, limit: RateLimit | None) -> Failure:
    """Why a turn failed.

    Args:
        result: the end of it, `is_error`.
        error: the CLI's word for the request that failed for good.
        retry: the last one of the turn; it has the status where the result leaves it out.
        limit: the last rejection by a subscription's quota, with its reset time.
    """
    status = result.api_error_status or (retry.error_status if retry else None)
    kind = _kind_of_turn(result, error, status)
    return Failure(
        kind=kind,
        message=result.words,
        remedy=REMEDIES.get(kind),
        retry_at=reset_time(limit) if limit and kind is ErrorKind.RATE_LIMITED else None,
        evidence=_known(status=status, error=error, subtype=result.subtype, terminalReason=result.terminal_reason),
    )


def of_exit(code: int | None, signal: int | None, stderr: str, result: Result | None) -> SessionError:
    """Why a process ended that was not asked to.

    Args:
        code: its exit code. An exit with 1 alone says nothing: it only repeats that the last result was an error.
        signal: the signal that ended it.
        stderr: its last lines.
        result: a result outside of a turn; with it a failed resume is told.
    """
    words = f"{stderr}\n{result.words if result else ''}"
    evidence = _known(exitCode=code, signal=signal, stderrTail=stderr.strip()[-2000:] or None)
    if "No conversation found" in words:
        return native_lost("claude has no conversation with this id in this directory", evidence)
    if "No message found with message.uuid" in words:
        return native_lost("claude has no such message in its conversation", evidence)
    if "is already in use" in words:
        return SessionError(
            ErrorKind.FOREIGN_WRITER, "claude says that its session is in use already", evidence=evidence
        )
    if "unknown option" in words or "argument '" in words:
        return SessionError(
            ErrorKind.NOT_INSTALLED, "this claude does not know our options", remedy=INSTALL, evidence=evidence
        )
    how = f"signal {signal}" if signal else f"exit code {code}"
    return SessionError(ErrorKind.AGENT_CRASHED, f"claude ended by itself ({how})", evidence=evidence)


def reset_time(limit: RateLimit) -> datetime | None:
    try:
        return datetime.fromtimestamp(limit.resets_at, UTC) if limit.resets_at else None
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        return None


def _kind_of_turn(result: Result, error: str | None, status: int | None) -> ErrorKind:
    if result.stop_reason == "refusal":
        return ErrorKind.REFUSED
    if result.terminal_reason == "prompt_too_long":
        return ErrorKind.CONTEXT_TOO_LONG
    if (
        status is None and "(HTTP 200)" in result.words
    ):  # an answer came, so the network is well; it was none of a model
        return ErrorKind.UNAVAILABLE
    return kind_of(error, status)


def _known(**evidence: Any) -> dict[str, Any]:
    return {key: value for key, value in evidence.items() if value is not None}
