"""What the demo agent writes to stdout: claude's messages, one JSON object a line, its text at the pace of a reader."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

MODEL = "demo"


def send(kind: str, **fields: Any) -> None:
    """A message that belongs to no session."""
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


class Spent:
    """Words, since there are no tokens without a model."""

    def __init__(self) -> None:
        self.input_tokens = 0
        self.output_tokens = 0

    def usage(self) -> Message:
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, **cache}


class Voice:
    """Writes the messages of one session.

    Args:
        session_id: stands in each message.
        partial: whether text is streamed in pieces before it is said whole.
        pace: seconds between two words.
        pause: waits that long; may raise to cut a text short.
    """

    def __init__(self, session_id: str, *, partial: bool, pace: float, pause: Callable[[float], None]) -> None:
        self._session_id = session_id
        self._partial = partial
        self._pace = pace
        self._pause = pause
        self._states = os.environ.get("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS") == "1"
        self._state = "idle"
        self.spent = Spent()

    def tell(self, kind: str, **fields: Any) -> None:
        send(kind, **{"uuid": str(uuid.uuid4()), **fields, "session_id": self._session_id})

    def state(self, state: str) -> None:
        """As claude: said when it changes."""
        if self._states and state != self._state:
            self._state = state
            self.tell("system", subtype="session_state_changed", state=state)

    def say(self, blocks: list[tuple[str, str]], *, tool_use: Message | None = None) -> str:
        """One message: its blocks (kind and text), then perhaps the use of a tool. Returns the last text."""
        message_id = f"msg_{uuid.uuid4().hex}"
        self._stream({"type": "message_start", "message": self._envelope(message_id, [])})
        for index, (kind, text) in enumerate(blocks):
            self._stream({"type": "content_block_start", "index": index, "content_block": {"type": kind, kind: ""}})
            self._type(message_id, index, kind, text)
            self._stream({"type": "content_block_stop", "index": index})
        if tool_use is not None:
            self._block(message_id, tool_use)
        reason = "end_turn" if tool_use is None else "tool_use"
        self._stream({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": self.spent.usage()})
        self._stream({"type": "message_stop"})
        return blocks[-1][1]

    def _type(self, message_id: str, index: int, kind: str, text: str) -> None:
        typed = ""
        try:
            for word in re.findall(r"\s*\S+\s*", text):
                delta = {"type": f"{kind}_delta", kind: word}
                self._stream({"type": "content_block_delta", "index": index, "delta": delta})
                self.spent.output_tokens += 1
                typed += word
                self._pause(self._pace)
        finally:
            self._block(message_id, {"type": kind, kind: typed})

    def note(self, content: Message, **fields: Any) -> None:
        """A message in the user's name: a tool's result, or that the turn was interrupted."""
        self.tell("user", message={"role": "user", "content": [content]}, parent_tool_use_id=None, **fields)

    def _block(self, message_id: str, block: Message) -> None:
        self.tell("assistant", message=self._envelope(message_id, [block]), parent_tool_use_id=None)

    def _stream(self, event: Message) -> None:
        if self._partial:
            self.tell("stream_event", event=event, parent_tool_use_id=None)

    def _envelope(self, message_id: str, content: list[Message]) -> Message:
        head = {"id": message_id, "type": "message", "role": "assistant", "model": MODEL}
        return {**head, "content": content, "stop_reason": None, "stop_sequence": None, "usage": self.spent.usage()}
