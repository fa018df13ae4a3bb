"""What we write to claude's stdin, all of it: whole lines. One that the CLI can't read ends it at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jelmored.domain.ids import RequestId
from jelmored.domain.mcp import McpServer
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock

from .questions import answered

COMPACT = "/compact"


def line(message: Mapping[str, Any]) -> bytes:
    return orjson.dumps(message) + b"\n"


BEFORE_TOOL, AFTER_TOOL = "before", "after"
"""What our hooks are called by."""
HOOKS = {
    event: [{"matcher": None, "hookCallbackIds": [name]}]
    for event, name in (("PreToolUse", BEFORE_TOOL), ("PostToolUse", AFTER_TOOL))
}
"""The CLI waits for an answer to each. `SessionEnd` is never among them: it fails when the input is closed."""


def initialize(request_id: str, system_prompt: str | None) -> bytes:
    """Asks for readiness, models and login. `system_prompt` is appended to claude's own; here, for argv is public."""
    extra = {"appendSystemPrompt": system_prompt} if system_prompt else {}
    return _request(request_id, {"subtype": "initialize", "hooks": HOOKS, **extra})


def set_model(request_id: str, model: str) -> bytes:
    """From the next turn on. The CLI takes any word: it is checked before."""
    return _request(request_id, {"subtype": "set_model", "model": model})


def set_permission_mode(request_id: str, mode: str) -> bytes:
    """At once. The CLI takes any word: only its own may be given."""
    return _request(request_id, {"subtype": "set_permission_mode", "mode": mode})


def set_mcp_servers(request_id: str, servers: Mapping[str, McpServer]) -> bytes:
    """Here and not in argv, for they have secrets. Nothing else is heard until each is connected, or is not."""
    told = {name: attrs.asdict(server) for name, server in servers.items()}
    return _request(request_id, {"subtype": "mcp_set_servers", "servers": told})


def stop_task(request_id: str, task_id: str) -> bytes:
    """Of one that is not there the CLI says nothing."""
    return _request(request_id, {"subtype": "stop_task", "task_id": task_id})


def get_usage(request_id: str) -> bytes:
    """What the process has taken. With a subscription the CLI looks over the network for its limits, too: see below."""
    return _request(request_id, {"subtype": "get_usage"})


def get_session_cost(request_id: str) -> bytes:
    """The same in words, with the cost rounded; never more than that."""
    return _request(request_id, {"subtype": "get_session_cost"})


def interrupt(request_id: str) -> bytes:
    return _request(request_id, {"subtype": "interrupt"})


def cancel_message(request_id: str, uuid: str) -> bytes:
    """Takes back a user message that is still queued in the CLI."""
    return _request(request_id, {"subtype": "cancel_async_message", "message_uuid": uuid})


def user(prompt: Prompt, uuid: str) -> bytes:
    """A message of the user. `uuid` is what `cancel_message` takes back."""
    content = COMPACT if prompt.compacts else [_content(block) for block in prompt.blocks]
    return line({
        "type": "user",
        "message": {"role": "user", "content": content},
        "uuid": uuid,
        "parent_tool_use_id": None,
        "session_id": "",
    })


def answer(request_id: RequestId, asked: Mapping[str, Any], given: Answer) -> bytes:
    """The answer to a tool that asked with this input."""
    if given.verdict is not Verdict.ALLOW:
        return deny(request_id, given.message or "The user does not allow this.", interrupt=given.interrupt)
    tool_input = asked if given.updated_input is None else given.updated_input
    return allow(request_id, tool_input if given.answers is None else answered(tool_input, given.answers))


def allow(request_id: RequestId, tool_input: Mapping[str, Any]) -> bytes:
    """Lets a tool run with this input; without one the CLI takes the answer for a failure."""
    return _answer(request_id, {"behavior": "allow", "updatedInput": tool_input})


def deny(request_id: RequestId, message: str, *, interrupt: bool) -> bytes:
    """Keeps a tool from running. The model reads the message; `interrupt` ends the turn as well."""
    return _answer(request_id, {"behavior": "deny", "message": message, "interrupt": interrupt})


def pass_hook(request_id: RequestId, objection: str | None) -> bytes:
    """Lets go on what a hook has stopped, or keeps a tool from running; the model reads the objection."""
    decision = {
        "hookEventName": "PreToolUse",
        "permissionDecision": "deny",
        "permissionDecisionReason": objection,
    }
    return _answer(request_id, {} if objection is None else {"hookSpecificOutput": decision})


def refuse(request_id: RequestId, why: str) -> bytes:
    """Answers a request that we don't serve: the CLI waits for one without end."""
    return line({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": request_id, "error": why},
    })


def _request(request_id: str, request: Mapping[str, Any]) -> bytes:
    return line({"type": "control_request", "request_id": request_id, "request": request})


def _answer(request_id: RequestId, response: Mapping[str, Any]) -> bytes:
    return line({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": request_id, "response": response},
    })


def _content(block: Block) -> dict[str, Any]:
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text}
        case ImageBlock():
            return {"type": "image", "source": _base64(block.mime_type, block.data)}
        case DocumentBlock():
            return {"type": "document", "source": _document(block)}
        case FileBlock():
            return {"type": "text", "text": block.described}


def _base64(mime_type: str, data: str) -> dict[str, str]:
    return {"type": "base64", "media_type": mime_type, "data": data}


def _document(block: DocumentBlock) -> dict[str, str]:
    """The API takes texts as texts and everything else as base64."""
    if block.mime_type.startswith("text/"):
        try:
            return {"type": "text", "media_type": "text/plain", "data": base64.b64decode(block.data).decode()}
        except (binascii.Error, UnicodeDecodeError):
            pass  # sent as it is, the endpoint says what is wrong with it
    return _base64(block.mime_type, block.data)
