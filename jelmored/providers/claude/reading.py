"""A line of claude's stdout to a value of messages.py: the one place where its JSON is checked. It never raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from jelmored.domain.ids import RequestId
from jelmored.providers.bounds import MAX_RAW
from jelmored.providers.lenient import MISFITS, lenient_converter, loads

from .control import CancelRequest, CanUseTool, HookCall, OtherRequest, Reply
from .messages import (
    Assistant,
    CommandsChanged,
    Compacted,
    HiddenPart,
    Init,
    Message,
    ModelFallback,
    Noise,
    OtherPart,
    Part,
    RateLimited,
    Replayed,
    Result,
    Retry,
    StateChanged,
    Streamed,
    TaskEnded,
    TaskStarted,
    TaskUpdated,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
    Unknown,
    User,
)

_TYPES: Mapping[str, type[Message]] = {
    "assistant": Assistant,
    "user": User,
    "result": Result,
    "rate_limit_event": RateLimited,
    "control_cancel_request": CancelRequest,
    "control_response": Reply,
    "stream_event": Streamed,
    "keep_alive": Noise,
    "tool_progress": Noise,
    "prompt_suggestion": Noise,
}

_SYSTEM: Mapping[str, type[Message]] = {
    "init": Init,
    "session_state_changed": StateChanged,
    "api_retry": Retry,
    "task_started": TaskStarted,
    "task_progress": Noise,
    "task_updated": TaskUpdated,
    "task_notification": TaskEnded,
    "compact_boundary": Compacted,
    "model_fallback": ModelFallback,
    "commands_changed": CommandsChanged,
    "status": Noise,
    "thinking_tokens": Noise,
    "hook_started": Noise,
    "hook_progress": Noise,
    "hook_response": Noise,
    "model_refusal_no_fallback": Noise,  # the result says it
}

_PARTS: Mapping[str, type[Part]] = {
    "text": TextPart,
    "thinking": ThinkingPart,
    "tool_use": ToolUsePart,
    "server_tool_use": ToolUsePart,
    "tool_result": ToolResultPart,
    "web_search_tool_result": ToolResultPart,
    "web_fetch_tool_result": ToolResultPart,
    "redacted_thinking": HiddenPart,
    "document": HiddenPart,
    "image": HiddenPart,
}


def load(data: bytes) -> Any:
    """The JSON of a line, or its text where it is none, or none that can be held."""
    try:
        return loads(data)
    except orjson.JSONDecodeError:
        pass
    except ValueError:
        return data[:MAX_RAW].decode(errors="replace")  # which is more than is kept of it
    try:  # the CLI cuts texts by UTF-16 units, and half a character is more than orjson takes
        return orjson.loads(json.dumps(json.loads(data), ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return data.decode(errors="replace").strip()


def read(raw: Any) -> Message:
    """The value of a message."""
    if raw == "":
        return Noise()
    cls = _class_of(raw) if isinstance(raw, Mapping) else Unknown
    if cls is Unknown:
        return Unknown(raw)
    try:
        return _converter.structure(raw, cls)
    except MISFITS:
        return _unread(raw)


def _unread(raw: Mapping[str, Any]) -> Message:
    """Kept as it came. But a request that is not answered is waited for without end, so that it is refused at least."""
    match raw:
        case {"type": "control_request", "request_id": str(request_id)}:
            return OtherRequest(request_id=RequestId(request_id))
        case _:
            return Unknown(raw)


def _class_of(raw: Mapping[str, Any]) -> type[Message]:
    match raw:
        case {"type": "system", "subtype": str(subtype)}:
            return _SYSTEM.get(subtype, Unknown)
        case {"type": "user", "isReplay": True}:
            return Replayed
        case {"type": "user", "isSynthetic": True}:
            return Noise
        case {"type": "control_request", "request": {"subtype": "can_use_tool"}}:
            return CanUseTool
        case {"type": "control_request", "request": {"subtype": "hook_callback"}}:
            return HookCall
        case {"type": "control_request"}:
            return OtherRequest
        case {"type": str(kind)}:
            return _TYPES.get(kind, Unknown)
        case _:
            return Unknown


def _part(value: Any, _: Any) -> Part:
    cls = _PARTS.get(value["type"], OtherPart)
    if cls is OtherPart:
        return OtherPart(raw=value)
    try:
        part: Part = _converter.structure(value, cls)
    except MISFITS:
        return OtherPart(raw=value)
    return part


def _content(value: Any, _: Any) -> str | tuple[Part, ...]:
    return value if isinstance(value, str) else _converter.structure(value, tuple[Part, ...])


_converter = lenient_converter()
_converter.register_structure_hook_func(lambda hint: hint == Part, _part)
_converter.register_structure_hook_func(lambda hint: hint == str | tuple[Part, ...], _content)
