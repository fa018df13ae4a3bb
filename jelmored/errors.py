"""What can go wrong, and whose it is. What a client can see of it has an `ErrorKind`; docs/errors.md lists them.

JelmoreError
├─ Refused                    you may not, or that was not valid: the asker's (an RPC error)
├─ ConfigError                the configuration's: every fault in it at once
├─ PlaceError                 a directory of ours can't be used
├─ AlreadyRunning             another daemon has our place
├─ ProviderError              the agent's or its model's
│   ├─ ProviderUnavailableError   it is not there, or not now
│   └─ SessionError               of one run
│       └─ ModelNotSupportedError
├─ JournalError               the disk's
├─ Crashed                    an actor fell while it worked on your message: ours
└─ Stopped                    an actor is gone: ours, or the daemon is stopping
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any


class ErrorKind(enum.StrEnum):
    """The stable name of a failure (protocol 1, section 5): clients match on it, never on the text."""

    PARSE_ERROR = "parse-error"
    INVALID_MESSAGE = "invalid-message"
    METHOD_NOT_FOUND = "method-not-found"
    INVALID_PARAMS = "invalid-params"
    INTERNAL = "internal"
    NOT_FOUND = "not-found"
    OVERLOADED = "overloaded"

    NOT_INITIALIZED = "not-initialized"
    UNSUPPORTED_PROTOCOL = "unsupported-protocol"
    CURSOR_EXPIRED = "cursor-expired"
    KEY_REUSED = "key-reused"

    BUSY = "busy"
    WRONG_STATUS = "wrong-status"
    TURN_STALLED = "turn-stalled"
    BUDGET_EXCEEDED = "budget-exceeded"
    DIRECTORY_BUSY = "directory-busy"
    STATE_INVALID = "state-invalid"
    FOREIGN_WRITER = "foreign-writer"
    QUEUE_FULL = "queue-full"

    ALREADY_RESOLVED = "already-resolved"
    APPROVAL_INVALID = "approval-invalid"

    NOT_INSTALLED = "not-installed"
    AUTH_REQUIRED = "auth-required"
    BILLING = "billing"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"
    NETWORK = "network"
    AGENT_CRASHED = "agent-crashed"
    CONTEXT_TOO_LONG = "context-too-long"
    REFUSED = "refused"
    INVALID_REQUEST = "invalid-request"
    MODEL_NOT_SUPPORTED = "model-not-supported"
    MODEL_RETIRED = "model-retired"
    NO_PROVIDER = "no-provider"
    PROVIDER_FULL = "provider-full"

    FORBIDDEN = "forbidden"

    JOURNAL_FULL = "journal-full"
    JOURNAL_FAILED = "journal-failed"


CODES: Mapping[ErrorKind, int] = {
    ErrorKind.PARSE_ERROR: -32700,
    ErrorKind.INVALID_MESSAGE: -32600,
    ErrorKind.NOT_INITIALIZED: -32600,
    ErrorKind.METHOD_NOT_FOUND: -32601,
    ErrorKind.INVALID_PARAMS: -32602,
    ErrorKind.INTERNAL: -32603,
    ErrorKind.NOT_FOUND: -32002,
    ErrorKind.OVERLOADED: -32001,
    ErrorKind.UNSUPPORTED_PROTOCOL: 1001,
    ErrorKind.CURSOR_EXPIRED: 1002,
    ErrorKind.KEY_REUSED: 1003,
    ErrorKind.BUSY: 1100,
    ErrorKind.WRONG_STATUS: 1101,
    ErrorKind.TURN_STALLED: 1102,
    ErrorKind.BUDGET_EXCEEDED: 1103,
    ErrorKind.DIRECTORY_BUSY: 1104,
    ErrorKind.STATE_INVALID: 1105,
    ErrorKind.FOREIGN_WRITER: 1106,
    ErrorKind.QUEUE_FULL: 1107,
    ErrorKind.ALREADY_RESOLVED: 1200,
    ErrorKind.APPROVAL_INVALID: 1201,
    ErrorKind.NOT_INSTALLED: 1300,
    ErrorKind.AUTH_REQUIRED: 1301,
    ErrorKind.BILLING: 1302,
    ErrorKind.RATE_LIMITED: 1303,
    ErrorKind.UNAVAILABLE: 1304,
    ErrorKind.NETWORK: 1305,
    ErrorKind.AGENT_CRASHED: 1306,
    ErrorKind.CONTEXT_TOO_LONG: 1307,
    ErrorKind.REFUSED: 1308,
    ErrorKind.INVALID_REQUEST: 1309,
    ErrorKind.MODEL_NOT_SUPPORTED: 1310,
    ErrorKind.MODEL_RETIRED: 1311,
    ErrorKind.NO_PROVIDER: 1312,
    ErrorKind.PROVIDER_FULL: 1313,
    ErrorKind.FORBIDDEN: 1400,
    ErrorKind.JOURNAL_FULL: 1500,
    ErrorKind.JOURNAL_FAILED: 1501,
}
"""The JSON-RPC code of each kind."""

RETRYABLE = frozenset({
    ErrorKind.OVERLOADED,
    ErrorKind.BUSY,
    ErrorKind.TURN_STALLED,
    ErrorKind.QUEUE_FULL,
    ErrorKind.RATE_LIMITED,
    ErrorKind.UNAVAILABLE,
    ErrorKind.NETWORK,
    ErrorKind.AGENT_CRASHED,
    ErrorKind.PROVIDER_FULL,
    ErrorKind.JOURNAL_FULL,
})
"""The kinds where the same request may succeed later, unchanged."""


class JelmoreError(Exception):
    """The root of our own exceptions."""


class Refused(JelmoreError):
    """Understood, and no: the asker's matter.

    Args:
        kind: the stable name that a client matches on.
        message: for a person; says what to do.
        remedy: the one thing to do about it, where there is one.
        field: the parameter at fault (camelCase, dotted).
        retry_after: seconds after which to try again.
        data: further members of the error's `data`, by their names on the wire.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        remedy: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.field = field
        self.retry_after = retry_after
        self.data = dict(data or {})


class ConfigError(JelmoreError):
    """The configuration can't be used.

    Args:
        faults: one line each: the place, what is wrong, what would be right.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class PlaceError(JelmoreError):
    """A directory of the daemon can't be used; says which, why, and what to do."""


class AlreadyRunning(JelmoreError):
    """Another daemon lives in this runtime directory.

    Args:
        runtime: the directory.
        pid: of the other one, "unknown" where it can't be told.
    """

    def __init__(self, runtime: os.PathLike[str], pid: str) -> None:
        super().__init__(f"a daemon runs already (pid {pid}) in {os.fspath(runtime)}: stop it, or give --runtime-dir")
        self.pid = pid


class ProviderError(JelmoreError):
    """A provider could not do what was asked of it.

    Args:
        kind: the failure's name; it also says how a run ends (domain/failures.py).
        message: what happened, for a person.
        remedy: what to do about it ("run `claude /login`").
        retry_at: when it may work again, where the provider tells.
        evidence: what was seen: exit code, signal, status, last lines of stderr.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        remedy: str | None = None,
        retry_at: datetime | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.retry_at = retry_at
        self.evidence = dict(evidence or {})


class ProviderUnavailableError(ProviderError):
    """The provider is not there, or not now."""


class SessionError(ProviderError):
    """One run of a provider failed; the provider itself may be well."""


class ModelNotSupportedError(SessionError):
    """The provider does not have the model that was asked for."""


class JournalError(JelmoreError):
    """The journal could not keep or give what was asked.

    Args:
        kind: `journal-full` or `journal-failed`.
        message: what the engine said, and what to do.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Crashed(JelmoreError):
    """An actor fell while it worked on your message; whether it took effect is not known."""


class Stopped(JelmoreError):
    """The actor is gone and took nothing of your message."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, in the groups in it, and so on; one that is no group is its own leaf."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
