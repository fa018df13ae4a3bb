"""Lines as claude writes them, for tests."""

from __future__ import annotations

import json
from typing import Any


def line(**message: Any) -> bytes:
    return json.dumps(message).encode()


def streamed(parent: str | None = None, **event: Any) -> bytes:
    return line(type="stream_event", event=event, parent_tool_use_id=parent, uuid="u", session_id="s")


def begun(message_id: str, parent: str | None = None) -> bytes:
    return streamed(parent, type="message_start", message={"id": message_id})


def opened(index: int, kind: str = "text", parent: str | None = None) -> bytes:
    return streamed(parent, type="content_block_start", index=index, content_block={"type": kind})


def piece(index: int, text: str, kind: str = "text", parent: str | None = None) -> bytes:
    return streamed(parent, type="content_block_delta", index=index, delta={"type": f"{kind}_delta", kind: text})


def whole(message_id: str, *content: dict[str, Any], parent: str | None = None, **more: Any) -> bytes:
    message = {"id": message_id, "model": "claude-opus-4-8", "content": list(content)}
    return line(type="assistant", message=message, parent_tool_use_id=parent, uuid="u", **more)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "c2ln"}


def tool_use(tool_use_id: str, name: str, /, **tool_input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": name, "input": tool_input}


def tool_result(tool_use_id: str, content: Any, outcome: Any = None, *, is_error: bool = False) -> bytes:
    block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": content, "is_error": is_error}
    return line(type="user", message={"role": "user", "content": [block]}, tool_use_result=outcome, uuid="u")


def state(name: str) -> bytes:
    return line(type="system", subtype="session_state_changed", state=name)


def replayed(uuid: str) -> bytes:
    return line(type="user", message={"role": "user", "content": "hello"}, uuid=uuid, isReplay=True)


def init(session_id: str = "native-1", cwd: str = "/work", **more: Any) -> bytes:
    return line(type="system", subtype="init", session_id=session_id, cwd=cwd, model="claude-opus-4-8[1m]", **more)


def result(**more: Any) -> bytes:
    return line(type="result", **{"subtype": "success", "is_error": False, "terminal_reason": "completed", **more})


def asked(request_id: str, name: str, tool_input: dict[str, Any], **more: Any) -> bytes:
    request = {"subtype": "can_use_tool", "tool_name": name, "input": tool_input, "tool_use_id": "t1", **more}
    return line(type="control_request", request_id=request_id, request=request)
