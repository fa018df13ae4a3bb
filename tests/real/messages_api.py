"""An answer as the Anthropic Messages API words it: the events of a stream, or one body."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from .conversation import Conversation
from .script import Answer, Block, Failure, Text, Thinking, ToolUse


@attrs.frozen
class StreamEvent:
    name: str
    data: Mapping[str, Any]

    @property
    def is_delta(self) -> bool:
        return self.name == "content_block_delta"

    def encode(self) -> bytes:
        return f"event: {self.name}\ndata: {json.dumps(self.data)}\n\n".encode()


def _event(name: str, **data: Any) -> StreamEvent:
    return StreamEvent(name, {"type": name, **data})


def conversation(body: Mapping[str, Any]) -> Conversation:
    return Conversation(body["messages"])


def stream(answer: Answer, model: str) -> Iterator[StreamEvent]:
    """The events of a whole, sound stream."""
    message = _message(answer, model, content=[], stop_reason=None, output_tokens=1)
    yield _event("message_start", message=message)
    yield _event("ping")
    for index, block in enumerate(answer.blocks):
        yield _event("content_block_start", index=index, content_block=_opened(block))
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ending = {"stop_reason": answer.stop_reason, "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": answer.output_tokens})
    yield _event("message_stop")


def body(answer: Answer, model: str) -> Mapping[str, Any]:
    """The answer to a request that did not ask for a stream."""
    content = [_whole(block) for block in answer.blocks]
    return _message(answer, model, content=content, stop_reason=answer.stop_reason, output_tokens=answer.output_tokens)


def error(failure: Failure) -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": failure.type, "message": failure.message}}


OVERLOADED = Failure(529, "overloaded_error", "Overloaded")


def stream_error(failure: Failure = OVERLOADED) -> StreamEvent:
    """A failure that a stream tells after its 200."""
    return StreamEvent("error", error(failure))


def _message(
    answer: Answer, model: str, *, content: list[Mapping[str, Any]], stop_reason: str | None, output_tokens: int
) -> Mapping[str, Any]:
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        },
    }


def _tool_id() -> str:
    return f"toolu_{uuid.uuid4().hex[:24]}"


def _opened(block: Block) -> Mapping[str, Any]:
    match block:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse(name=name):
            return {"type": "tool_use", "id": _tool_id(), "name": name, "input": {}}


def _whole(block: Block) -> Mapping[str, Any]:
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Thinking(text=text):
            return {"type": "thinking", "thinking": text, "signature": _SIGNATURE}
        case ToolUse(name=name, input=tool_input):
            return {"type": "tool_use", "id": _tool_id(), "name": name, "input": tool_input}


_SIGNATURE = "c2NyaXB0ZWQ="


def _deltas(block: Block) -> Iterator[Mapping[str, Any]]:
    match block:
        case Text(text=text, pieces=pieces):
            for piece in split(text, pieces):
                yield {"type": "text_delta", "text": piece}
        case Thinking(text=text, pieces=pieces):
            for piece in split(text, pieces):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": _SIGNATURE}
        case ToolUse(input=tool_input, pieces=pieces):
            for piece in split(json.dumps(tool_input), pieces):
                yield {"type": "input_json_delta", "partial_json": piece}


def split(text: str, pieces: int) -> Iterator[str]:
    """The text in so many pieces of about one length; fewer if it is too short for them."""
    cuts = [round(len(text) * part / pieces) for part in range(pieces + 1)]
    return (text[begin:end] for begin, end in itertools.pairwise(cuts) if end > begin)
