"""An answer as the OpenAI chat completions API words it: the chunks of a stream, or one body; and what was said so far
in the words of `Conversation`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from .conversation import Conversation
from .messages_api import split
from .script import Answer, Failure, Text, Thinking, ToolUse

FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "refusal": "content_filter", "max_tokens": "length"}


@attrs.frozen
class Chunk:
    """`data` None is the end of the stream."""

    data: Mapping[str, Any] | None
    is_delta: bool = False

    def encode(self) -> bytes:
        return f"data: {'[DONE]' if self.data is None else json.dumps(self.data)}\n\n".encode()


def conversation(body: Mapping[str, Any]) -> Conversation:
    return Conversation([_message(message) for message in body["messages"] if message["role"] != "system"])


def stream(answer: Answer, model: str) -> Iterator[Chunk]:
    """The chunks of a whole, sound stream."""
    head = {"id": f"chatcmpl-{uuid.uuid4().hex[:12]}", "object": "chat.completion.chunk", "created": 0, "model": model}
    yield _chunk(head, {"role": "assistant", "content": ""})
    for delta in _deltas(answer):
        yield _chunk(head, delta, is_delta=True)
    yield _chunk(head, {}, finish=FINISH.get(answer.stop_reason, answer.stop_reason))
    yield Chunk({**head, "choices": [], "usage": _usage(answer)})
    yield Chunk(None)


def body(answer: Answer, model: str) -> Mapping[str, Any]:
    """The answer to a request that did not ask for a stream."""
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": FINISH.get(answer.stop_reason, answer.stop_reason)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": _usage(answer),
    }


def error(failure: Failure) -> Mapping[str, Any]:
    return {"error": {"message": failure.message, "type": failure.type, "code": failure.type}}


OVERLOADED = Failure(500, "server_error", "server_error: overloaded")


def stream_error(failure: Failure = OVERLOADED) -> Chunk:
    """A failure that a stream tells after its 200."""
    return Chunk({"error": {"message": failure.message, "type": failure.type, "code": failure.status}})


def _chunk(
    head: Mapping[str, Any], delta: Mapping[str, Any], *, finish: str | None = None, is_delta: bool = False
) -> Chunk:
    return Chunk({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, is_delta)


def _deltas(answer: Answer) -> Iterator[Mapping[str, Any]]:
    calls = 0
    for block in answer.blocks:
        match block:
            case Text(text=text, pieces=pieces):
                yield from ({"content": piece} for piece in split(text, pieces))
            case Thinking(text=text, pieces=pieces):
                yield from ({"reasoning_content": piece} for piece in split(text, pieces))
            case ToolUse():
                yield from _call(block, calls)
                calls += 1


def _call(use: ToolUse, index: int) -> Iterator[Mapping[str, Any]]:
    function = {"name": use.name, "arguments": ""}
    begun = {"index": index, "id": f"call_{uuid.uuid4().hex[:16]}", "type": "function", "function": function}
    yield {"tool_calls": [begun]}
    for piece in split(json.dumps(use.input), use.pieces):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _usage(answer: Answer) -> Mapping[str, Any]:
    total = answer.input_tokens + answer.output_tokens
    return {"prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens, "total_tokens": total}


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return {"role": "user", "content": [result]}
    return {"role": message["role"], "content": [*_parts(message.get("content") or ""), *_uses(message)]}


def _parts(content: str | Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
        return
    for part in content:
        yield {"type": "image", "source": part["image_url"]} if part["type"] == "image_url" else part


def _uses(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for call in message.get("tool_calls", ()):
        function = call["function"]
        tool_input = json.loads(function["arguments"] or "{}")
        yield {"type": "tool_use", "id": call["id"], "name": function["name"], "input": tool_input}
