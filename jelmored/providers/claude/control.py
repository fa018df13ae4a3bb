"""The control protocol on the same lines: what claude asks of us, and what it answers to our requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.ids import RequestId, ToolUseId
from jelmored.providers.lenient import named


@attrs.frozen(kw_only=True)
class ToolRequest:
    """May this tool run? `blocked_path` and `decision_reason_type` say what the CLI itself minds; `agent_id`: it is a
    subagent that asks."""

    tool_name: str
    input: Mapping[str, Any]
    tool_use_id: ToolUseId | None = None
    blocked_path: str | None = None
    decision_reason_type: str | None = None
    agent_id: str | None = None


@attrs.frozen(kw_only=True)
class CanUseTool:
    request_id: RequestId
    request: ToolRequest


@attrs.frozen(kw_only=True)
class Unanswered:
    """Nobody can answer this any more, but in the CLI it may still be waited for."""

    request_id: RequestId


@attrs.frozen(kw_only=True)
class HookInput:
    """What happens, and where. `agent_id`: in a subagent."""

    cwd: str
    tool_name: str = ""
    tool_input: Mapping[str, Any] = attrs.field(factory=dict)
    agent_id: str | None = None


@attrs.frozen(kw_only=True)
class HookRequest:
    callback_id: str
    input: HookInput
    tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class HookCall:
    """Before or after a tool: nothing goes on until it is answered."""

    request_id: RequestId
    request: HookRequest


@attrs.frozen(kw_only=True)
class OtherRequest:
    """A request that we don't serve; it must be answered all the same."""

    request_id: RequestId


@attrs.frozen(kw_only=True)
class CancelRequest:
    request_id: RequestId


@attrs.frozen(kw_only=True)
class ModelChoice:
    value: str
    resolved_model: str | None = named("resolvedModel", None)


@attrs.frozen(kw_only=True)
class Account:
    """Who pays: a key or a token by its source, a subscription by its name alone. Without a login there is neither."""

    token_source: str | None = named("tokenSource", None)
    api_key_source: str | None = named("apiKeySource", None)
    api_provider: str | None = named("apiProvider", None)
    subscription: str | None = named("subscriptionType", None)
    email: str | None = None

    @property
    def logged_in(self) -> bool:
        payers = {self.token_source, self.api_key_source, self.subscription} - {None, "none"}
        return bool(payers) or self.api_provider not in (None, "firstParty")

    @property
    def words(self) -> str | None:
        return self.email or self.subscription or self.api_key_source or self.token_source


@attrs.frozen(kw_only=True)
class Command:
    name: str


@attrs.frozen(kw_only=True)
class ModelUsage:
    """Tokens and USD since the process started."""

    input_tokens: int = named("inputTokens", 0)
    output_tokens: int = named("outputTokens", 0)
    cache_read_tokens: int = named("cacheReadInputTokens", 0)
    cache_write_tokens: int = named("cacheCreationInputTokens", 0)
    context_window: int | None = named("contextWindow", None)


@attrs.frozen(kw_only=True)
class SessionCost:
    """What the process has taken since it started."""

    total_cost_usd: float
    model_usage: Mapping[str, ModelUsage] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class ReplyBody:
    """What our requests are answered with: of `initialize` the first three, of `cancel_async_message` the fourth, of
    `mcp_set_servers` the fifth, of `get_usage` the sixth, of `get_session_cost` the last."""

    models: tuple[ModelChoice, ...] = ()
    account: Account | None = None
    commands: tuple[Command, ...] = ()
    cancelled: bool = False
    errors: Mapping[str, str] = attrs.field(factory=dict)
    session: SessionCost | None = None
    text: str = ""


@attrs.frozen(kw_only=True)
class ReplyEnvelope:
    request_id: str
    subtype: str = "success"
    response: ReplyBody = ReplyBody()
    error: str | None = None


@attrs.frozen(kw_only=True)
class Reply:
    """An answer to a control request of ours."""

    response: ReplyEnvelope
