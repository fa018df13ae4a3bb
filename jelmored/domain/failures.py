"""How a run can end, decided once (docs/architecture.md, "How a run ends"): the kind of a failure gives its class."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from jelmored.errors import RETRYABLE, ErrorKind, ProviderError


class RunClass(enum.StrEnum):
    """What the end of a run, or of a turn, says about the provider."""

    NORMAL = "normal"
    REQUESTED = "requested"
    CRASH = "crash"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    REQUEST = "request"


CLASS_OF: Mapping[ErrorKind, RunClass] = {
    ErrorKind.AGENT_CRASHED: RunClass.CRASH,
    ErrorKind.UNAVAILABLE: RunClass.UNAVAILABLE,
    ErrorKind.NETWORK: RunClass.UNAVAILABLE,
    ErrorKind.TURN_STALLED: RunClass.UNAVAILABLE,
    ErrorKind.RATE_LIMITED: RunClass.THROTTLED,
    ErrorKind.OVERLOADED: RunClass.THROTTLED,
    ErrorKind.PROVIDER_FULL: RunClass.THROTTLED,
    ErrorKind.NOT_INSTALLED: RunClass.PERMANENT,
    ErrorKind.AUTH_REQUIRED: RunClass.PERMANENT,
    ErrorKind.BILLING: RunClass.PERMANENT,
    ErrorKind.NO_PROVIDER: RunClass.PERMANENT,
    ErrorKind.CONTEXT_TOO_LONG: RunClass.REQUEST,
    ErrorKind.REFUSED: RunClass.REQUEST,
    ErrorKind.INVALID_REQUEST: RunClass.REQUEST,
    ErrorKind.MODEL_NOT_SUPPORTED: RunClass.REQUEST,
    ErrorKind.MODEL_RETIRED: RunClass.REQUEST,
    ErrorKind.BUDGET_EXCEEDED: RunClass.REQUEST,
    ErrorKind.FOREIGN_WRITER: RunClass.REQUEST,
    ErrorKind.FORBIDDEN: RunClass.REQUEST,
}


@attrs.frozen(kw_only=True)
class Failure:
    """Why a turn or a run failed, with what was seen (`evidence`: exit code, signal, HTTP status, stderr's tail)."""

    kind: ErrorKind
    message: str
    remedy: str | None = None
    retry_at: datetime | None = None
    evidence: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def cls(self) -> RunClass:
        return CLASS_OF.get(self.kind, RunClass.CRASH)

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE

    @classmethod
    def of(cls, error: ProviderError) -> Failure:
        return cls(
            kind=error.kind,
            message=error.message,
            remedy=error.remedy,
            retry_at=error.retry_at,
            evidence=error.evidence,
        )


@attrs.frozen(kw_only=True)
class RunEnd:
    """The last that a session hears of a run. Without a failure it ended as it was asked to."""

    cls: RunClass
    failure: Failure | None = None

    @classmethod
    def failed(cls, failure: Failure) -> RunEnd:
        return cls(cls=failure.cls, failure=failure)


REQUESTED = RunEnd(cls=RunClass.REQUESTED)
