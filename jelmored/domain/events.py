"""What has happened in a session: a `Draft` when told, an `Event` once it has its number (protocol 1, section 4)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from jelmored.errors import ErrorKind

from .ids import ItemId, PromptId, ProviderName, SessionId, ToolUseId
from .permissions import Approval, Diff, Location, PermissionMode, ToolKind
from .prompts import Author


class EventType(enum.StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    THINKING = "thinking"
    TOOL_USE = "tool_use"
    TOOL_RESULT = "tool_result"
    ERROR = "error"
    STATUS_CHANGE = "status_change"
    DIRECTORY_CHANGE = "directory_change"
    TURN_STARTED = "turn_started"
    TURN_ENDED = "turn_ended"
    APPROVAL_REQUESTED = "approval_requested"
    APPROVAL_RESOLVED = "approval_resolved"
    USAGE = "usage"
    PLAN = "plan"
    FAILOVER = "failover"


@attrs.frozen(kw_only=True)
class System:
    """`data` stands beside `subtype` on the wire; `raw` is an agent's message that we don't know, ≤ 64 KiB."""

    subtype: str
    data: Mapping[str, Any] = attrs.field(factory=dict)
    raw: Any = None
    native_id: str | None = None


@attrs.frozen(kw_only=True)
class BlockNote:
    """A prompt's block as the log keeps it; the bytes are in the attachments, by `sha256`."""

    type: str
    mime_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    path: str | None = None


@attrs.frozen(kw_only=True)
class UserNote:
    prompt_id: PromptId
    disposition: Literal["started", "queued", "steered"]
    blocks: tuple[BlockNote, ...] = ()
    by: Author


@attrs.frozen(kw_only=True)
class Said:
    """Of `assistant` and `thinking`: the item whose whole text this event holds."""

    item_id: ItemId
    model: str | None = None
    parent_tool_use_id: ToolUseId | None = None
    partial: bool | None = None
    supersedes: tuple[ItemId, ...] = ()
    native_id: str | None = None


@attrs.frozen(kw_only=True)
class ToolUse:
    tool_use_id: ToolUseId
    name: str
    kind: ToolKind
    input: Mapping[str, Any]
    locations: tuple[Location, ...] = ()
    parent_tool_use_id: ToolUseId | None = None
    native_id: str | None = None


@attrs.frozen(kw_only=True)
class ToolResult:
    tool_use_id: ToolUseId
    is_error: bool
    truncated: bool | None = None
    diffs: tuple[Diff, ...] = ()
    parent_tool_use_id: ToolUseId | None = None
    native_id: str | None = None


@attrs.frozen(kw_only=True)
class ErrorNote:
    kind: ErrorKind
    retryable: bool
    remedy: str | None = None
    retry_at: datetime | None = None
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class Change:
    """Of `status_change` and `directory_change`."""

    from_: str
    to: str


@attrs.frozen(kw_only=True)
class TurnStarted:
    prompt_id: PromptId | None = None
    origin: Literal["prompt", "agent"]


class TurnReason(enum.StrEnum):
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    REFUSED = "refused"
    BUDGET = "budget"
    MAX_TURNS = "max_turns"


class TurnCause(enum.StrEnum):
    USER = "user"
    AGENT = "agent"
    DAEMON_RESTART = "daemon_restart"
    CRASH = "crash"
    NO_PROVIDER = "no_provider"


@attrs.frozen(kw_only=True)
class TurnEnded:
    """`duration_ms` is wall time from the turn's start."""

    reason: TurnReason
    cause: TurnCause | None = None
    error: ErrorNote | None = None
    duration_ms: int


@attrs.frozen(kw_only=True)
class UsageNote:
    """What one run took for this turn; `cost_usd` in USD."""

    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float
    estimated: bool | None = None
    notional: bool | None = None


@attrs.frozen(kw_only=True)
class PlanEntry:
    content: str
    status: str
    priority: str | None = None


@attrs.frozen(kw_only=True)
class Plan:
    entries: tuple[PlanEntry, ...]


@attrs.frozen(kw_only=True)
class Carried:
    """How much of the conversation the next agent was told: turns, characters, and whether some had to be left out."""

    turns: int
    characters: int
    truncated: bool = False


@attrs.frozen(kw_only=True)
class ModeChange:
    """The permission mode before and after."""

    from_: PermissionMode
    to: PermissionMode


@attrs.frozen(kw_only=True)
class FailedOver:
    """The conversation goes on at another provider. `cause`: the kind of the failure, or `moved` for a client's wish,
    or `returned` for the way back."""

    from_: ProviderName
    to: ProviderName
    cause: str
    carried: Carried
    permission: ModeChange | None = None


Metadata = (
    System
    | UserNote
    | Said
    | ToolUse
    | ToolResult
    | ErrorNote
    | Change
    | TurnStarted
    | TurnEnded
    | Approval
    | UsageNote
    | Plan
    | FailedOver
)

METADATA: Mapping[EventType, type] = {
    EventType.SYSTEM: System,
    EventType.USER: UserNote,
    EventType.ASSISTANT: Said,
    EventType.THINKING: Said,
    EventType.TOOL_USE: ToolUse,
    EventType.TOOL_RESULT: ToolResult,
    EventType.ERROR: ErrorNote,
    EventType.STATUS_CHANGE: Change,
    EventType.DIRECTORY_CHANGE: Change,
    EventType.TURN_STARTED: TurnStarted,
    EventType.TURN_ENDED: TurnEnded,
    EventType.APPROVAL_REQUESTED: Approval,
    EventType.APPROVAL_RESOLVED: Approval,
    EventType.USAGE: UsageNote,
    EventType.PLAN: Plan,
    EventType.FAILOVER: FailedOver,
}
"""The type of each event's metadata."""


@attrs.frozen
class Draft:
    """Something that has happened and has no number yet. `content` is a line, or the text, for a person."""

    event_type: EventType
    content: str
    metadata: Metadata

    def at(
        self, session_id: SessionId, seq: int, *, turn: int | None, provider: ProviderName | None, timestamp: datetime
    ) -> Event:
        """It has its place."""
        return Event(
            session_id=session_id,
            seq=seq,
            event_type=self.event_type,
            content=self.content,
            metadata=self.metadata,
            timestamp=timestamp,
            turn=turn,
            provider=provider,
        )


@attrs.frozen(kw_only=True)
class Event:
    """Something that has happened, at its place in the session's log."""

    session_id: SessionId
    seq: int
    event_type: EventType
    content: str
    metadata: Metadata
    timestamp: datetime
    turn: int | None
    provider: ProviderName | None


class DeltaKind(enum.StrEnum):
    TEXT = "text"
    THINKING = "thinking"
    TOOL_OUTPUT = "tool_output"


@attrs.frozen(kw_only=True)
class OpenItem:
    """An item that still streams, with all of its text so far."""

    item_id: ItemId
    kind: DeltaKind
    text: str
    parent_tool_use_id: ToolUseId | None = None
