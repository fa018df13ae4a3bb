"""What OpenCode's server says, as values: the events of its stream, and the messages that it lists.

The names of fields are the server's (measured with 1.18.33). `read_event` and `read_messages` make them; what can't be
read is `Unknown`, or left out of a list, for a newer server may say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jelmored.providers.bounds import MAX_RAW
from jelmored.providers.lenient import MISFITS, lenient_converter, loads, named


@attrs.frozen(kw_only=True)
class Span:
    """Unix milliseconds. A text or thought without an end is still open."""

    start: float | None = None
    end: float | None = None


@attrs.frozen(kw_only=True)
class Moments:
    """Unix milliseconds. An answer without `completed` is not finished, or was never."""

    created: float | None = None
    completed: float | None = None


@attrs.frozen(kw_only=True)
class CacheTokens:
    read: int = 0
    write: int = 0


@attrs.frozen(kw_only=True)
class Tokens:
    """Of one call of the model; `output` is without `reasoning`."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: CacheTokens = CacheTokens()

    @property
    def all(self) -> int:
        return self.input + self.output + self.reasoning + self.cache.read + self.cache.write


@attrs.frozen(kw_only=True)
class ErrorData:
    message: str = ""
    status_code: int | None = named("statusCode", None)
    response_headers: Mapping[str, Any] = named("responseHeaders", attrs.Factory(dict))
    response_body: str = named("responseBody", "")


@attrs.frozen(kw_only=True)
class ErrorInfo:
    """`name` is the server's word for its kind: `APIError`, `MessageAbortedError` …"""

    name: str
    data: ErrorData = ErrorData()


@attrs.frozen(kw_only=True)
class ModelRef:
    provider_id: str = named("providerID")
    model_id: str = named("modelID")


@attrs.frozen(kw_only=True)
class Message:
    """Of the user, or one step of the agent's answer; `parent_id` is the user's message that it answers. `summary`: it
    is what a compaction leaves of the conversation. Ids of messages sort by their time."""

    id: str
    session_id: str = named("sessionID")
    role: str
    parent_id: str | None = named("parentID", None)
    provider_id: str = named("providerID", "")
    model_id: str = named("modelID", "")
    summary: bool = False
    finish: str | None = None
    error: ErrorInfo | None = None
    cost: float = 0.0
    tokens: Tokens = Tokens()
    time: Moments = Moments()

    @property
    def by_agent(self) -> bool:
        return self.role == "assistant"

    @property
    def model(self) -> str:
        return f"{self.provider_id}/{self.model_id}"


@attrs.frozen(kw_only=True)
class _Part:
    id: str
    session_id: str = named("sessionID")
    message_id: str = named("messageID")


@attrs.frozen(kw_only=True)
class TextPart(_Part):
    """`synthetic`: words that the server adds in the user's name."""

    text: str
    synthetic: bool = False
    time: Span = Span()
    metadata: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class ReasoningPart(_Part):
    text: str
    time: Span = Span()


@attrs.frozen(kw_only=True)
class ToolState:
    """`pending` (its input is not known yet), `running`, `completed` or `error`."""

    status: str
    input: Mapping[str, Any] = attrs.field(factory=dict)
    output: str = ""
    error: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "error")


@attrs.frozen(kw_only=True)
class ToolPart(_Part):
    """`call_id` is the model's, and not always unique."""

    tool: str
    call_id: str = named("callID")
    state: ToolState


@attrs.frozen(kw_only=True)
class StepStart(_Part):
    """The model is called. A second one in a message means that the first call has failed."""


@attrs.frozen(kw_only=True)
class StepFinish(_Part):
    cost: float = 0.0
    tokens: Tokens = Tokens()


@attrs.frozen(kw_only=True)
class CompactionPart(_Part):
    """In a message of the user: the conversation is to be compacted."""

    auto: bool = False


@attrs.frozen(kw_only=True)
class OtherPart(_Part):
    """Files, snapshots: nothing to tell."""

    synthetic: bool = False


Part = TextPart | ReasoningPart | ToolPart | StepStart | StepFinish | CompactionPart | OtherPart


@attrs.frozen(kw_only=True)
class MessageWithParts:
    info: Message
    parts: tuple[Part, ...] = ()


@attrs.frozen(kw_only=True)
class SessionStatus:
    """`busy`, `idle`, or `retry`: a call of the model failed (`message`) and is done again at `next`, in Unix
    milliseconds."""

    type: str
    attempt: int = 0
    message: str = ""
    next: float = 0.0


@attrs.frozen
class Connected:
    """The first event of a stream: from here on nothing is missed."""


@attrs.frozen
class Disposed:
    """The last event of a stream: the server has let go of the directory, and ended its turns."""


@attrs.frozen(kw_only=True)
class SessionInfo:
    id: str
    parent_id: str | None = named("parentID", None)


@attrs.frozen(kw_only=True)
class SessionCreated:
    info: SessionInfo

    @property
    def session_id(self) -> str:
        return self.info.id


@attrs.frozen(kw_only=True)
class SessionDeleted:
    session_id: str = named("sessionID")


@attrs.frozen(kw_only=True)
class StatusChanged:
    session_id: str = named("sessionID")
    status: SessionStatus


@attrs.frozen(kw_only=True)
class SessionFailed:
    """Something failed; what it means for the turn shows in its messages, and in whether it goes on."""

    session_id: str = named("sessionID")
    error: ErrorInfo


@attrs.frozen(kw_only=True)
class Compacted:
    session_id: str = named("sessionID")


@attrs.frozen(kw_only=True)
class MessageUpdated:
    info: Message

    @property
    def session_id(self) -> str:
        return self.info.session_id


@attrs.frozen(kw_only=True)
class PartUpdated:
    part: Part

    @property
    def session_id(self) -> str:
        return self.part.session_id


@attrs.frozen(kw_only=True)
class PartDelta:
    """More of a text or thought; which of them it is, its part says."""

    session_id: str = named("sessionID")
    message_id: str = named("messageID")
    part_id: str = named("partID")
    field: str
    delta: str


@attrs.frozen(kw_only=True)
class ToolCall:
    message_id: str = named("messageID")
    call_id: str = named("callID")


@attrs.frozen(kw_only=True)
class PermissionAsked:
    """May a tool do this? `permission` is the kind of what it does: `bash`, `edit`, `external_directory` …"""

    id: str
    session_id: str = named("sessionID")
    permission: str
    patterns: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    tool: ToolCall | None = None


@attrs.frozen(kw_only=True)
class Choice:
    label: str
    description: str = ""


@attrs.frozen(kw_only=True)
class QuestionInfo:
    question: str
    header: str = ""
    options: tuple[Choice, ...] = ()
    multiple: bool = False


@attrs.frozen(kw_only=True)
class QuestionAsked:
    id: str
    session_id: str = named("sessionID")
    questions: tuple[QuestionInfo, ...]
    tool: ToolCall | None = None


@attrs.frozen(kw_only=True)
class Replied:
    """A permission or a question is settled."""

    session_id: str = named("sessionID")
    request_id: str = named("requestID")


@attrs.frozen(kw_only=True)
class Todo:
    content: str
    status: str = "pending"
    priority: str | None = None


@attrs.frozen(kw_only=True)
class TodoUpdated:
    session_id: str = named("sessionID")
    todos: tuple[Todo, ...]


@attrs.frozen
class Noise:
    """Known, and nothing for a person: heartbeats, plug-ins, files that changed, what other events say as well."""


@attrs.frozen
class Unknown:
    type: str
    raw: Any
    session_id: str | None = None


SessionEvent = (
    SessionCreated
    | SessionDeleted
    | StatusChanged
    | SessionFailed
    | Compacted
    | MessageUpdated
    | PartUpdated
    | PartDelta
    | PermissionAsked
    | QuestionAsked
    | Replied
    | TodoUpdated
)
ServerEvent = SessionEvent | Connected | Disposed | Noise | Unknown

NOISE = Noise()

_EVENTS: Mapping[str, type[SessionEvent]] = {
    "session.created": SessionCreated,
    "session.deleted": SessionDeleted,
    "session.status": StatusChanged,
    "session.error": SessionFailed,
    "session.compacted": Compacted,
    "message.updated": MessageUpdated,
    "message.part.updated": PartUpdated,
    "message.part.delta": PartDelta,
    "permission.asked": PermissionAsked,
    "permission.replied": Replied,
    "question.asked": QuestionAsked,
    "question.replied": Replied,
    "question.rejected": Replied,
    "todo.updated": TodoUpdated,
}

_NOISE = frozenset({
    "server.heartbeat",
    "session.idle",  # its status says it
    "session.updated",
    "session.diff",
    "message.removed",
    "message.part.removed",
    "file.edited",
    "file.watcher.updated",
    "project.updated",
    "plugin.added",
    "catalog.updated",
    "integration.updated",
    "reference.updated",
    "vcs.branch.updated",
    "lsp.updated",
    "lsp.client.diagnostics",
    "mcp.tools.changed",
    "command.executed",
})

_PARTS: Mapping[Any, type[Part]] = {
    "text": TextPart,
    "reasoning": ReasoningPart,
    "tool": ToolPart,
    "step-start": StepStart,
    "step-finish": StepFinish,
    "compaction": CompactionPart,
}


def read_event(data: bytes) -> ServerEvent:
    """The value of an event's data; never raises for what stands in it."""
    try:
        raw = loads(data)
    except ValueError:
        return Unknown("", data[:MAX_RAW].decode(errors="replace"))
    match raw:
        case {"type": str(kind)} if kind in _NOISE:
            return NOISE
        case {"type": "server.connected"}:
            return Connected()
        case {"type": "server.instance.disposed"}:
            return Disposed()
        case {"type": "sync"}:  # on the stream of all directories: what another event said, once more
            return NOISE
        case {"type": str(kind), "properties": {} as properties}:
            return _session_event(kind, properties, raw)
        case _:
            return Unknown("", raw)


def read_messages(body: bytes) -> tuple[MessageWithParts, ...]:
    """The messages of `GET /session/{id}/message`, oldest first. One that can't be read is left out.

    Raises:
        ValueError: the body is no list.
    """
    return _read_list(body, MessageWithParts)


def read_permissions(body: bytes) -> tuple[PermissionAsked, ...]:
    """The requests of `GET /permission`; raises ValueError as above."""
    return _read_list(body, PermissionAsked)


def read_questions(body: bytes) -> tuple[QuestionAsked, ...]:
    """The requests of `GET /question`; raises ValueError as above."""
    return _read_list(body, QuestionAsked)


def _session_event(kind: str, properties: Any, raw: Any) -> ServerEvent:
    session_id = properties.get("sessionID")
    try:
        return _converter.structure(properties, _EVENTS[kind])
    except MISFITS:
        if session_id is None and kind == "session.error":
            return NOISE  # of no session: a plug-in, a configuration
        return Unknown(kind, raw, session_id if isinstance(session_id, str) else None)


def _read_list(body: bytes, hint: Any) -> tuple[Any, ...]:
    raw = orjson.loads(body)
    if not isinstance(raw, list):
        raise ValueError("expected a list")
    return _readable(raw, hint)


def _readable(items: Any, hint: Any) -> tuple[Any, ...]:
    """One that can't be read hides no other."""
    found = []
    for item in items:
        try:
            found.append(_converter.structure(item, hint))
        except MISFITS:
            continue
    return tuple(found)


def _part(value: Any, _: Any) -> Part:
    part: Part = _converter.structure(value, _PARTS.get(value["type"], OtherPart))
    return part


_converter = lenient_converter()
_converter.register_structure_hook_func(lambda hint: hint == Part, _part)
_converter.register_structure_hook_func(lambda hint: hint == tuple[Part, ...], lambda value, _: _readable(value, Part))
