"""Why a turn of OpenCode failed, in our kinds, with what to do about it; and how long it may try by itself."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind
from jelmored.providers.bounds import cut

from .messages import ErrorData, ErrorInfo, SessionStatus

REMEDIES: Mapping[ErrorKind, str] = {
    ErrorKind.AUTH_REQUIRED: "check the key of this provider in OpenCode's configuration, or run `opencode auth login`",
    ErrorKind.BILLING: "add credit to the account, or use another provider",
    ErrorKind.MODEL_NOT_SUPPORTED: "choose another model: `jelmore models` lists them",
    ErrorKind.CONTEXT_TOO_LONG: "start a new session, attach less, or choose a model with a larger window",
    ErrorKind.REFUSED: "say it in another way, or choose another model",
    ErrorKind.NETWORK: "check the network and the provider's base URL",
}

ABORTED = "MessageAbortedError"

_BY_NAME: Mapping[str, ErrorKind] = {
    ABORTED: ErrorKind.AGENT_CRASHED,
    "ProviderAuthError": ErrorKind.AUTH_REQUIRED,
    "ContextOverflowError": ErrorKind.CONTEXT_TOO_LONG,
    "ContentFilterError": ErrorKind.REFUSED,
    "MessageOutputLengthError": ErrorKind.INVALID_REQUEST,
    "StructuredOutputError": ErrorKind.INVALID_REQUEST,
}

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: ErrorKind.AUTH_REQUIRED,
    402: ErrorKind.BILLING,
    403: ErrorKind.AUTH_REQUIRED,
    404: ErrorKind.MODEL_NOT_SUPPORTED,
    408: ErrorKind.UNAVAILABLE,
    413: ErrorKind.CONTEXT_TOO_LONG,
    429: ErrorKind.RATE_LIMITED,
    529: ErrorKind.OVERLOADED,
}

_BY_WORDS: tuple[tuple[re.Pattern[str], ErrorKind], ...] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"model not found|ModelNotFound", ErrorKind.MODEL_NOT_SUPPORTED),
        (r"agent not found|file not found", ErrorKind.INVALID_REQUEST),
        (r"insufficient_quota|insufficient (credit|balance|funds)|billing|payment required", ErrorKind.BILLING),
        (r"context_length_exceeded|maximum context length|prompt is too long", ErrorKind.CONTEXT_TOO_LONG),
        (r"rate.?limit|too many requests|usage exceeded|quota", ErrorKind.RATE_LIMITED),
        (r"overloaded", ErrorKind.OVERLOADED),
        (
            r"cannot connect|unable to connect|connection (refused|reset|closed)|ECONN|ENOTFOUND|headers timed out",
            ErrorKind.NETWORK,
        ),
    )
)

_WORDED = frozenset({ErrorKind.BILLING, ErrorKind.CONTEXT_TOO_LONG})
"""What a server says with a status that means something else as well (400, 429)."""


def of_turn(error: ErrorInfo, now: datetime) -> Failure:
    """Why a turn failed.

    Args:
        error: the server's word.
        now: the time, for delays that the model's server asks for.
    """
    kind = kind_of(error)
    return Failure(
        kind=kind,
        message=cut(error.data.message, MAX_MESSAGE)[0] or error.name,
        remedy=REMEDIES.get(kind),
        retry_at=_retry_at(error.data.response_headers, now) if kind in _WAITS else None,
        evidence={"error": error.name} | ({"status": error.data.status_code} if error.data.status_code else {}),
    )


def kind_of(error: ErrorInfo) -> ErrorKind:
    """By the name, the HTTP status of the model's server, or else its words."""
    if error.name in _BY_NAME:
        return _BY_NAME[error.name]
    status = error.data.status_code
    worded = kind_of_words(_words(error.data))
    if status is None or worded in _WORDED:
        return worded
    return _BY_STATUS.get(status, ErrorKind.UNAVAILABLE if status >= 500 else ErrorKind.INVALID_REQUEST)


def kind_of_words(words: str) -> ErrorKind:
    """What is not known is the model's server's: it may work again."""
    return next((kind for pattern, kind in _BY_WORDS if pattern.search(words)), ErrorKind.UNAVAILABLE)


def too_long(status: SessionStatus, now: datetime, *, attempts_allowed: int, seconds_allowed: float) -> Failure | None:
    """OpenCode tries five times by itself and waits as long as it is told, be it for days: is this more than we allow?

    Args:
        status: of a session; one that is no `retry` is never too long.
        now: the time.
        attempts_allowed: failed calls after which it may still go on.
        seconds_allowed: the longest wait for the next call.
    """
    if status.type != "retry":
        return None
    seconds = status.next / 1000 - now.timestamp()
    if status.attempt <= attempts_allowed and seconds <= seconds_allowed:
        return None
    kind = kind_of_words(status.message)
    return Failure(
        kind=kind,
        message=cut(status.message, MAX_MESSAGE)[0] or "the model's server failed",
        remedy=REMEDIES.get(kind),
        retry_at=retry_time(status) if kind in _WAITS else None,
        evidence={"attempt": status.attempt},
    )


def retry_time(status: SessionStatus) -> datetime | None:
    """When the next call is made; None for no time that a calendar has."""
    return _instant(status.next / 1000) if status.next > 0 else None


MAX_MESSAGE = 4096  # bytes

_WAITS = frozenset({ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED})
"""The kinds that pass with time, so that a server's word on when counts."""


def _words(data: ErrorData) -> str:
    return f"{data.message}\n{data.response_body[:MAX_MESSAGE]}"


def _retry_at(headers: Mapping[str, Any], now: datetime) -> datetime | None:
    told = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    if (milliseconds := _number(told.get("retry-after-ms"))) is not None:
        return _instant(now.timestamp() + milliseconds / 1000)
    after = told.get("retry-after", "")
    if (seconds := _number(after)) is not None:
        return _instant(now.timestamp() + seconds)
    try:
        moment = email.utils.parsedate_to_datetime(after)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
