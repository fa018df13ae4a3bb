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
├─ JournalError               the journal's
│   ├─ JournalPaused              the disk took nothing of it now, and may later
│   └─ JournalDamaged             what is on the disk is not what was written
├─ Crashed                    an actor fell while it worked on your message: ours
└─ Stopped                    an actor is gone: ours, or the daemon is stopping
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self


class ErrorKind(enum.StrEnum):
    """The stable name of a failure (protocol 1, section 5): clients match on it, never on the text."""

    code: int
    """Of the JSON-RPC error."""
    meaning: str

    def __new__(cls, name: str, code: int, meaning: str) -> ErrorKind:
        member = str.__new__(cls, name)
        member._value_ = name
        member.code = code
        member.meaning = meaning
        return member

    PARSE_ERROR = "parse-error", -32700, "A message was not JSON."
    INVALID_MESSAGE = "invalid-message", -32600, "It was JSON, and no JSON-RPC request; or `initialize` came twice."
    METHOD_NOT_FOUND = "method-not-found", -32601, "There is no such method."
    INVALID_PARAMS = (
        "invalid-params",
        -32602,
        "A param is missing, of the wrong type or out of bounds; `field` names it.",
    )
    INTERNAL = (
        "internal",
        -32603,
        "A fault of the daemon's own; its log has it. Whether the request took effect is not known.",
    )
    NOT_FOUND = "not-found", -32002, "There is no such session, prompt, approval or provider."
    OVERLOADED = (
        "overloaded",
        -32001,
        "As an answer: more than 64 requests in flight, or the daemon stops. In a turn: the model's server is (529).",
    )

    NOT_INITIALIZED = "not-initialized", -32600, "Something came before `initialize`."
    UNSUPPORTED_PROTOCOL = (
        "unsupported-protocol",
        1001,
        "`initialize` asked for another version; `data.supported` has those that there are.",
    )
    CURSOR_EXPIRED = "cursor-expired", 1002, "`after` or `logId` don't fit the log; subscribe from the start."
    KEY_REUSED = "key-reused", 1003, "The `requestKey` was used for something else in the last 24 h."

    BUSY = (
        "busy",
        1100,
        "A turn runs: `whenBusy` said to refuse, or it would be cut by what is asked; or the session is just being "
        "suspended, closed, taken up from another daemon, or brought back from there.",
    )
    WRONG_STATUS = (
        "wrong-status",
        1101,
        "The session is closed and takes no prompts, or suspended and can't be moved; or it is to be deleted and is "
        "not closed.",
    )
    TURN_STALLED = (
        "turn-stalled",
        1102,
        "No sign of life from the agent for `timeout_seconds`, or from a tool for `tool_timeout_seconds`.",
    )
    BUDGET_EXCEEDED = (
        "budget-exceeded",
        1103,
        "A session or a day has cost what it may, or a turn has lasted so long; the remedy says how to raise it.",
    )
    DIRECTORY_BUSY = "directory-busy", 1104, "`exclusive`, and another session is at work there."
    STATE_INVALID = (
        "state-invalid",
        1105,
        "A state, or an import, can't be used: damaged, of a newer version, of a session that is here already and "
        "has gone on, or that another client imports now; `field` names the place, and nothing has changed. In a turn: "
        "the agent's own memory of the session is gone; it begins anew, and a `system` event says so.",
    )
    FOREIGN_WRITER = (
        "foreign-writer",
        1106,
        "Somebody else goes on with the agent's own session, outside of jelmored; the prompt waits until it is decided "
        "what counts.",
    )
    QUEUE_FULL = "queue-full", 1107, "32 prompts wait in the session already."

    ALREADY_RESOLVED = "already-resolved", 1200, "Somebody was faster; `data.approval` says who, and how."
    APPROVAL_INVALID = "approval-invalid", 1201, "The answer does not fit what was asked; the approval stays open."

    NOT_INSTALLED = "not-installed", 1300, "The agent's program is missing, not executable, or too old for our options."
    AUTH_REQUIRED = "auth-required", 1301, "The agent is not logged in, or its key was refused."
    BILLING = "billing", 1302, "The account has no credit."
    RATE_LIMITED = "rate-limited", 1303, "The account's limit is reached (429, or a subscription's quota)."
    UNAVAILABLE = "unavailable", 1304, "The model's server failed (5xx), or the agent did not get ready."
    NETWORK = "network", 1305, "No answer came from the model's server at all."
    AGENT_CRASHED = (
        "agent-crashed",
        1306,
        "The agent's process ended by itself, broke its protocol, or did not answer an interrupt within 5 s.",
    )
    CONTEXT_TOO_LONG = "context-too-long", 1307, "The conversation does not fit into the model's window."
    REFUSED = "refused", 1308, "The model declined to answer."
    INVALID_REQUEST = (
        "invalid-request",
        1309,
        "The model's server refused the request as it is (400); the session's directory is gone; or the provider's "
        "agents can't do it: compact.",
    )
    MODEL_NOT_SUPPORTED = "model-not-supported", 1310, "The provider does not have the model."
    MODEL_RETIRED = "model-retired", 1311, "The model was retired; the remedy names its successor."
    NO_PROVIDER = "no-provider", 1312, "No provider can be used, or the one that was asked for can't."
    PROVIDER_FULL = (
        "provider-full",
        1313,
        "All places of the provider, or of all, are taken, and the prompt was not to wait.",
    )

    FORBIDDEN = (
        "forbidden",
        1400,
        "The client's scope is too small; or it is a process of one of our own agents, or can't be told from one. Of a "
        "directory, and in a turn: the session would work outside of `sessions.workspace_roots`.",
    )

    CONFIG_INVALID = (
        "config-invalid",
        1401,
        "The configuration has faults: `data.faults` has a line for each. What was there before still counts.",
    )

    JOURNAL_FULL = (
        "journal-full",
        1500,
        "The disk is full: sessions pause, and nothing more is taken. They go on by themselves when there is room.",
    )
    JOURNAL_FAILED = (
        "journal-failed",
        1501,
        "The journal can't be read or written. Where its disk is at fault, sessions pause until it takes writes again.",
    )


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
        remedy: the one thing to do about it, where there is one.
    """

    def __init__(self, kind: ErrorKind, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy

    def again(self) -> Self:
        """The same, for another one who is to raise it."""
        return type(self)(self.kind, self.message, remedy=self.remedy)


class JournalPaused(JournalError):
    """The disk took nothing of it: full, read-only, or failing. The journal looks whether it takes writes again, and
    `Journal.healed` tells; the same append may be made then."""


class JournalDamaged(JournalError):
    """What the journal's file holds is not what was written to it."""


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
