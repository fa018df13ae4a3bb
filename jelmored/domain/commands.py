"""What a client may ask of sessions: the parameters and answers of protocol 1, section 3, as values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from .ids import ApprovalId, PromptId, ProviderName, SessionId
from .mcp import McpServer
from .permissions import PermissionMode
from .prompts import Block, WhenUnavailable
from .requirements import Requirements
from .sessions import Limits
from .status import Status
from .texts import Instructions, Line


class WhenBusy(enum.StrEnum):
    """What becomes of a prompt while a turn runs. `steer` queues at a provider that can't be steered."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"
    REFUSE = "refuse"


@attrs.frozen(kw_only=True)
class CreateSession:
    """`session/create`. `environment`: of the client, for the agent; only variables that the configuration names."""

    cwd: str
    prompt: str | tuple[Block, ...] | None = None
    title: Line | None = None
    name: Line | None = None
    provider: ProviderName | None = None
    pin: bool = False
    model: Line | None = None
    requirements: Requirements = Requirements()
    permission_mode: PermissionMode | None = None
    system_prompt: Instructions | None = None
    directories: tuple[str, ...] = ()
    mcp_servers: Mapping[str, McpServer] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    limits: Limits = Limits()
    exclusive: bool = False
    request_key: Line | None = None


@attrs.frozen(kw_only=True)
class FindSessions:
    """`session/list`."""

    status: Status | None = None
    provider: ProviderName | None = None
    cwd: str | None = None
    include_terminated: bool = False
    cursor: str | None = None
    limit: int = 100


@attrs.frozen(kw_only=True)
class SendPrompt:
    """`session/prompt`."""

    session_id: SessionId
    prompt: str | tuple[Block, ...]
    when_busy: WhenBusy = WhenBusy.QUEUE
    when_unavailable: WhenUnavailable | None = None
    request_key: Line | None = None


@attrs.frozen(kw_only=True)
class PromptReceipt:
    """`seq` is that of the `user` event; `turn` stands only with a prompt that has started one."""

    prompt_id: PromptId
    disposition: Literal["started", "queued", "steered"]
    turn: int | None = None
    seq: int


@attrs.frozen(kw_only=True)
class Interrupt:
    """`session/interrupt`. With another turn than `expected_turn` running, nothing happens."""

    session_id: SessionId
    drop_queue: bool = True
    expected_turn: int | None = None


@attrs.frozen(kw_only=True)
class ConfigureSession:
    """`session/configure`: what is None stays as it is."""

    session_id: SessionId
    title: Line | None = None
    name: Line | None = None
    model: Line | None = None
    permission_mode: PermissionMode | None = None
    limits: Limits | None = None
    pin: bool | None = None


@attrs.frozen(kw_only=True)
class MoveSession:
    """`session/move`: to `provider`, or any other; `dry_run`: only show what the agent there would be told."""

    session_id: SessionId
    provider: ProviderName | None = None
    model: Line | None = None
    dry_run: bool = False


@attrs.frozen(kw_only=True)
class ResumeSession:
    """`session/resume`: exactly one of `session_id` and `state`. `provider`: where it goes on; None: where it was."""

    session_id: SessionId | None = None
    state: Mapping[str, Any] | None = None
    provider: ProviderName | None = None


@attrs.frozen(kw_only=True)
class ForkSession:
    """`session/fork`: a new session that knows what was said up to the event `at_seq` (None: up to now). `provider`:
    where it goes on; None: the same."""

    session_id: SessionId
    at_seq: int | None = None
    provider: ProviderName | None = None
    title: Line | None = None
    name: Line | None = None
    model: Line | None = None
    permission_mode: PermissionMode | None = None


@attrs.frozen(kw_only=True)
class FindPastSessions:
    """`provider/pastSessions`: of the directory `cwd`, None: of all."""

    name: ProviderName
    cwd: str | None = None
    cursor: str | None = None
    limit: int = 100


@attrs.frozen(kw_only=True)
class AdoptSession:
    """`session/adopt`: a session of ours from one that the provider's agent has had without us."""

    provider: ProviderName
    native_id: Line
    name: Line | None = None
    title: Line | None = None
    permission_mode: PermissionMode | None = None


@attrs.frozen(kw_only=True)
class DecideForeign:
    """`session/settleForeign`: what counts where somebody else has gone on with the agent's own session."""

    session_id: SessionId
    decision: Literal["accept", "discard"]


@attrs.frozen(kw_only=True)
class CompactSession:
    """`session/compact`."""

    session_id: SessionId
    request_key: Line | None = None


@attrs.frozen(kw_only=True)
class ResolveApproval:
    """`approval/resolve`: exactly one of `option_id`, `answers`, `cancelled`."""

    approval_id: ApprovalId
    option_id: str | None = None
    answers: Mapping[str, tuple[str, ...]] | None = None
    cancelled: bool = False
    message: str | None = None
    updated_input: Mapping[str, Any] | None = None
    interrupt: bool = False
