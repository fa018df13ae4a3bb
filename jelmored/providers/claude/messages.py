"""What claude says on its stdout, as values. `reading.read` makes them; what it can't read is `Unknown`.

The names of fields are the CLI's (measured with 2.1.197). A field that has a default falls back to it when it holds
something unexpected: a newer CLI may add and change what we can do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.ids import ToolUseId
from jelmored.providers.lenient import named

from .control import CancelRequest, CanUseTool, Command, HookCall, ModelUsage, OtherRequest, Reply


@attrs.frozen(kw_only=True)
class ServerState:
    """Of an MCP server: `connected`, `failed`, `pending`, `needs-auth`."""

    name: str
    status: str = ""


@attrs.frozen(kw_only=True)
class Init:
    """Stands at the start of every turn, not of the process; the session id changes with `/clear`."""

    session_id: str
    cwd: str
    model: str
    slash_commands: tuple[str, ...] = ()
    api_key_source: str | None = named("apiKeySource", None)
    mcp_servers: tuple[ServerState, ...] = ()


@attrs.frozen(kw_only=True)
class StateChanged:
    """`running`, `requires_action`, or `idle`: nothing is queued any more."""

    state: str


@attrs.frozen(kw_only=True)
class Retry:
    """A request to the model failed and is done again after a delay."""

    attempt: int
    max_retries: int
    retry_delay_ms: float
    error_status: int | None = None
    error: str = "unknown"


@attrs.frozen(kw_only=True)
class RateLimit:
    """Of a subscription: how full a window is. `resets_at` in Unix seconds, `utilization` from 0 to 1."""

    status: str
    resets_at: float | None = named("resetsAt", None)
    window: str | None = named("rateLimitType", None)
    utilization: float | None = None


@attrs.frozen(kw_only=True)
class RateLimited:
    rate_limit_info: RateLimit


@attrs.frozen(kw_only=True)
class TaskStarted:
    """A command or subagent that has an id of its own. Whether it is in the background shows later."""

    task_id: str
    tool_use_id: ToolUseId | None = None
    description: str = ""


@attrs.frozen(kw_only=True)
class TaskPatch:
    status: str | None = None


@attrs.frozen(kw_only=True)
class TaskUpdated:
    task_id: str
    patch: TaskPatch = TaskPatch()


@attrs.frozen(kw_only=True)
class TaskEnded:
    task_id: str
    status: str = "completed"
    summary: str = ""


@attrs.frozen(kw_only=True)
class CompactMetadata:
    trigger: str | None = None
    pre_tokens: int | None = None
    post_tokens: int | None = None


@attrs.frozen(kw_only=True)
class Compacted:
    compact_metadata: CompactMetadata = CompactMetadata()


@attrs.frozen(kw_only=True)
class ModelFallback:
    original_model: str
    fallback_model: str
    content: str = ""


@attrs.frozen(kw_only=True)
class CommandsChanged:
    commands: tuple[Command, ...]


@attrs.frozen(kw_only=True)
class TextPart:
    text: str


@attrs.frozen(kw_only=True)
class ThinkingPart:
    thinking: str


@attrs.frozen(kw_only=True)
class ToolUsePart:
    id: ToolUseId
    name: str
    input: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class ToolResultPart:
    tool_use_id: ToolUseId
    content: Any = ""
    is_error: bool = False


@attrs.frozen(kw_only=True)
class HiddenPart:
    """Thinking that the model's provider encrypts, and media that are the model's alone."""


@attrs.frozen(kw_only=True)
class OtherPart:
    raw: Any


Part = TextPart | ThinkingPart | ToolUsePart | ToolResultPart | HiddenPart | OtherPart


@attrs.frozen(kw_only=True)
class CallUsage:
    """Tokens of one call of the model; `output_tokens` is known at its end."""

    input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.cache_read_input_tokens + self.cache_creation_input_tokens + self.output_tokens


@attrs.frozen(kw_only=True)
class AssistantMessage:
    id: str
    content: tuple[Part, ...]
    model: str | None = None
    usage: CallUsage = CallUsage()


@attrs.frozen(kw_only=True)
class Assistant:
    """One block of an answer. `error`: the CLI's own words for a request that failed for good."""

    message: AssistantMessage
    parent_tool_use_id: ToolUseId | None = None
    error: str | None = None
    uuid: str | None = None

    @property
    def synthetic(self) -> bool:
        return self.message.model == "<synthetic>"


@attrs.frozen(kw_only=True)
class UserMessage:
    content: str | tuple[Part, ...]


@attrs.frozen(kw_only=True)
class User:
    """Tool results, and what the CLI tells the model in the user's name."""

    message: UserMessage
    parent_tool_use_id: ToolUseId | None = None
    tool_use_result: Any = None
    uuid: str | None = None


@attrs.frozen(kw_only=True)
class Replayed:
    """A message of the user that the CLI has now taken up: in a turn of its own, or into one that runs."""

    uuid: str | None = None


@attrs.frozen(kw_only=True)
class Origin:
    kind: str | None = None


@attrs.frozen(kw_only=True)
class Result:
    """The end of a turn. API failures have the subtype `success`: only `is_error` decides.

    `total_cost_usd` and `model_usage` count from the start of the process.
    """

    subtype: str
    is_error: bool
    api_error_status: int | None = None
    terminal_reason: str | None = None
    stop_reason: str | None = None
    result: str = ""
    errors: tuple[str, ...] = ()
    total_cost_usd: float = 0.0
    model_usage: Mapping[str, ModelUsage] = named("modelUsage", attrs.Factory(dict))
    origin: Origin | None = None
    uuid: str | None = None

    @property
    def words(self) -> str:
        return self.result or "; ".join(self.errors) or self.subtype


@attrs.frozen(kw_only=True)
class Streamed:
    """A raw event of the model's API as it streams; streams.py reads it."""

    event: Mapping[str, Any]
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen
class Noise:
    """Known, and nothing for a person: the CLI's own states, hooks, counters, echoes."""


@attrs.frozen
class Unknown:
    raw: Any


Message = (
    Init
    | StateChanged
    | Retry
    | RateLimited
    | TaskStarted
    | TaskUpdated
    | TaskEnded
    | Compacted
    | ModelFallback
    | CommandsChanged
    | Assistant
    | User
    | Replayed
    | Result
    | CanUseTool
    | HookCall
    | OtherRequest
    | CancelRequest
    | Reply
    | Streamed
    | Noise
    | Unknown
)
