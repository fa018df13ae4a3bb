"""Parts and messages as the server would tell them, for the tests of single modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jelmored.providers.opencode.messages import (
    Message,
    MessageWithParts,
    Moments,
    PermissionAsked,
    Span,
    TextPart,
    ToolCall,
    ToolPart,
    ToolState,
)

ROOT = "ses_root"
CHILD = "ses_child"


def message(number: int, **changes: Any) -> Message:
    """A finished step of the agent; its id sorts by its number."""
    fields: dict[str, Any] = {
        "id": f"msg_{number:03}",
        "session_id": ROOT,
        "role": "assistant",
        "provider_id": "fake",
        "model_id": "m",
        "finish": "stop",
        "time": Moments(created=1.0, completed=2.0),
        **changes,
    }
    return Message(**fields)


def asked(number: int, **changes: Any) -> Message:
    """A message of the user."""
    return message(number, role="user", finish=None, time=Moments(created=1.0), **changes)


def text(part_id: str, words: str, *, of: Message, ended: bool = True, synthetic: bool = False) -> TextPart:
    span = Span(start=1.0, end=2.0 if ended else None)
    return TextPart(id=part_id, session_id=of.session_id, message_id=of.id, text=words, time=span, synthetic=synthetic)


def tool(
    part_id: str,
    name: str,
    status: str,
    tool_input: Mapping[str, Any] | None = None,
    *,
    of: Message,
    **state: Any,
) -> ToolPart:
    return ToolPart(
        id=part_id,
        session_id=of.session_id,
        message_id=of.id,
        tool=name,
        call_id=f"call_{part_id}",
        state=ToolState(status=status, input=tool_input or {}, **state),
    )


def permission(kind: str, of: ToolPart | None = None, **fields: Any) -> PermissionAsked:
    call = ToolCall(message_id=of.message_id, call_id=of.call_id) if of else None
    return PermissionAsked(id="per_1", session_id=ROOT, permission=kind, tool=call, **fields)


def listed(info: Message, *parts: Any) -> MessageWithParts:
    return MessageWithParts(info=info, parts=parts)
