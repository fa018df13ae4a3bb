"""What is known of a session: `Facts`, which the journal keeps, and `SessionView`, which clients see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from .events import UsageNote
from .ids import LogId, PromptId, ProviderName, SessionId, ToolUseId
from .mcp import McpServer
from .permissions import Approval, PermissionMode, Rule
from .requirements import Requirements
from .status import Status
from .usage import Usage

MAX_LIMIT = 31_536_000
"""Of the limits below that are no counts: the seconds of a year, and as many USD."""


@attrs.frozen(kw_only=True)
class Limits:
    """`max_turns`: model calls of one turn. `turn_seconds`: of one turn, the time that it waits for a person left out.
    `max_cost_usd`: of the session. None: no limit."""

    max_turns: int | None = attrs.field(default=None)
    turn_seconds: float | None = attrs.field(default=None)
    max_cost_usd: float | None = attrs.field(default=None)

    @max_turns.validator
    def _at_least_one(self, _: attrs.Attribute[int | None], value: int | None) -> None:
        if value is not None and value < 1:
            raise ValueError("a turn has one call of the model at least")

    @turn_seconds.validator
    @max_cost_usd.validator
    def _above_nothing(self, _: attrs.Attribute[float | None], value: float | None) -> None:
        if value is not None and not 0 < value <= MAX_LIMIT:
            raise ValueError("a number above 0, and no more than a year of seconds")


@attrs.frozen(kw_only=True)
class NativeOrigin:
    """Where a forked session begins: a provider's own session, after its message `at` (None: at its end)."""

    native_id: str
    at: str | None = None


@attrs.frozen(kw_only=True)
class NativeSession:
    """A provider's own session behind ours. `used`: it has accepted a message, so it can be resumed. `origin`: it is
    still to be made, as a fork. `mark`: what it looked like when our last run of it ended; None while a run may write,
    or where that can't be told. `foreign`: somebody else has gone on with it, and a person is to decide what counts."""

    native_id: str
    used: bool = False
    origin: NativeOrigin | None = None
    mark: str | None = None
    foreign: bool = False


@attrs.frozen(kw_only=True)
class ContextUse:
    """How full the model's window was at its last call, in tokens; `window` None: its size is not known."""

    tokens: int
    window: int | None = None


@attrs.frozen(kw_only=True)
class BackgroundTask:
    """A task of the agent that outlived the tool use that began it."""

    task_id: str
    title: str
    tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class OpenTurn:
    """The turn that runs, as a restart must know it to close it."""

    number: int
    prompt_id: PromptId | None
    started_at: datetime
    after: int = 0
    """The last event before the work on its prompt began."""
    interrupted: bool = False
    """A client has asked for its end."""
    spent: UsageNote | None = None
    """What its run has told of that it took up to now, before the last word."""


LINEAGE = 16  # points of logs that a session remembers


@attrs.frozen
class LogPoint:
    """A log, up to one of its events. Logs only grow: two that have a point in common are the same up to there."""

    log_id: LogId
    seq: int


@attrs.frozen(kw_only=True)
class Facts:
    """All that the journal keeps of a session beside its events, queue and keys."""

    session_id: SessionId
    name: str | None = None
    title: str | None = None
    status: Status = Status.IDLE
    provider: ProviderName
    pin: bool = False
    model: str | None = None
    """As the agent says it runs."""
    wanted_model: str | None = None
    """As the client asked for it; None: the provider's default."""
    cwd: str
    directory: str
    permission_mode: PermissionMode = PermissionMode.ASK
    system_prompt: str | None = None
    directories: tuple[str, ...] = ()
    mcp_servers: Mapping[str, McpServer] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Of the client that made it. What reaches an agent of it is decided when that is started."""
    limits: Limits = Limits()
    requirements: Requirements = Requirements()
    created_at: datetime
    last_activity: datetime
    log_id: LogId
    seq: int = 0
    begins_after: int = 0
    """What happened up to this event stayed where the session was then: the log here begins behind it."""
    lineage: tuple[LogPoint, ...] = ()
    """Where the session has left one daemon for another, oldest first: this log goes on from each of these points."""
    turn: int = 0
    """The number of the last turn that started."""
    open_turn: OpenTurn | None = None
    usage: Usage = Usage()
    context: ContextUse | None = None
    native: Mapping[ProviderName, NativeSession] = attrs.field(factory=dict)
    heard: Mapping[ProviderName, int] = attrs.field(factory=dict)
    """Up to which event the agent's own session there has the conversation."""
    behind: int | None = None
    """The agent of the provider does not know what came after this event: its next prompt tells it. None: it does."""
    routed_model: str | None = None
    """What the provider calls the model that the client asked for; None: the same."""
    home: ProviderName | None = None
    """The provider that the session has left because it failed."""
    held: bool = False
    """The queue waits for another prompt: what failed, or was cut, was before it."""
    waiting_until: datetime | None = None
    """The first prompt of the queue waits for a provider: then it is looked again."""
    rules: tuple[Rule, ...] = ()
    approvals: tuple[Approval, ...] = ()
    """Open ones."""
    commands: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()

    @property
    def point(self) -> LogPoint:
        """Where its log stands."""
        return LogPoint(self.log_id, self.seq)

    @property
    def trail(self) -> tuple[LogPoint, ...]:
        """The lineage of whoever goes on from here."""
        return (*self.lineage, self.point)[-LINEAGE:]


@attrs.frozen(kw_only=True)
class SessionView:
    """Session of protocol 1, section 3."""

    session_id: SessionId
    name: str | None
    title: str | None
    status: Status
    provider: ProviderName
    pin: bool
    model: str | None
    cwd: str
    directory: str
    permission_mode: PermissionMode
    created_at: datetime
    last_activity: datetime
    log_id: LogId
    seq: int
    turn: int
    attached: bool
    subscribers: int
    usage: Usage
    pending_approvals: int
    queued_prompts: int
    background_tasks: int
    limits: Limits
    context: ContextUse | None = None
    commands: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()
    turn_started_at: datetime | None = None
    """Of the turn that runs; None while none does."""


@attrs.frozen(kw_only=True)
class PastSessionView:
    """A conversation that an agent keeps: `session_id` is that of the session of ours that goes on with it."""

    native_id: str
    cwd: str
    title: str
    updated_at: datetime
    session_id: SessionId | None = None


def view(facts: Facts, *, attached: bool, subscribers: int, queued: int, background_tasks: int) -> SessionView:
    """A session as clients see it: its facts, and what is only known while the daemon lives."""
    return SessionView(
        session_id=facts.session_id,
        name=facts.name,
        title=facts.title,
        status=facts.status,
        provider=facts.provider,
        pin=facts.pin,
        model=facts.model or facts.wanted_model,
        cwd=facts.cwd,
        directory=facts.directory,
        permission_mode=facts.permission_mode,
        created_at=facts.created_at,
        last_activity=facts.last_activity,
        log_id=facts.log_id,
        seq=facts.seq,
        turn=facts.turn,
        attached=attached,
        subscribers=subscribers,
        usage=facts.usage,
        pending_approvals=len(facts.approvals),
        queued_prompts=queued,
        background_tasks=background_tasks,
        limits=facts.limits,
        context=facts.context,
        commands=facts.commands,
        warnings=facts.warnings,
        turn_started_at=facts.open_turn.started_at if facts.open_turn else None,
    )
