"""What we write to claude's stdin, all of it: whole lines. One that the CLI can't read ends it at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock

from .questions import answered


def line(message: Mapping[str, Any]) -> bytes:
    return orjson.dumps(message) + b"\n"


def initialize(request_id: str, system_prompt: str | None) -> bytes:
    """Asks for readiness, models and login. `system_prompt` is appended to claude's own; here, for argv is public."""
    extra = {"appendSystemPrompt": system_prompt} if system_prompt else {}
    return _request(request_id, {"subtype": "initialize", **extra})


def interrupt(request_id: str) -> bytes:
    return _request(request_id, {"subtype": "interrupt"})


def cancel_message(request_id: str, uuid: str) -> bytes:
    """Takes back a user message that is still queued in the CLI."""
    return _request(request_id, {"subtype": "cancel_async_message", "message_uuid": uuid})


def user(prompt: Prompt, uuid: str) -> bytes:
    """A message of the user. `uuid` is what `cancel_message` takes back."""
    return line({
        "type": "user",
        "message": {"role": "user", "content": [_content(block) for block in prompt.blocks]},
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
            return {"type": "text", "text": _file(block)}


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


def _file(block: FileBlock) -> str:
    place = block.path + (f", lines {block.range[0]} to {block.range[1]}" if block.range else "")
    if block.text is None:
        return f"File: {place}"
    return f"File: {place} (unsaved in the editor; this text counts, not the disk)\n\n{_lines(block.text, block.range)}"


def _lines(text: str, span: tuple[int, int] | None) -> str:
    if span is None:
        return text
    first, last = span
    return "".join(text.splitlines(keepends=True)[first - 1 : last])
