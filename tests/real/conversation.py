"""What a model can know of a conversation from the body of a Messages request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

ADDED = ("<system-reminder>", "[Request interrupted by user")
"""How texts begin that the agent puts among the human's."""


@attrs.frozen
class Conversation:
    """`messages` as they stand in a request."""

    messages: Sequence[Mapping[str, Any]]

    @property
    def human(self) -> tuple[str, ...]:
        """What the human said, text by text, without what the agent adds to it."""
        users = (message for message in self.messages if message["role"] == "user")
        return tuple(text for message in users for text in _spoken(message))

    @property
    def last(self) -> str:
        return self.human[-1] if self.human else ""

    @property
    def tool_results(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(block for block in self._blocks() if block["type"] == "tool_result")

    @property
    def answers_a_tool(self) -> bool:
        """A tool has run since the human spoke last."""
        last = next(message for message in reversed(self.messages) if message["role"] == "user")
        return any(block["type"] == "tool_result" for block in _blocks(last))

    @property
    def images(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(block for block in self._blocks() if block["type"] == "image")

    def _blocks(self) -> Iterator[Mapping[str, Any]]:
        for message in self.messages:
            yield from _blocks(message)


def _blocks(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _spoken(message: Mapping[str, Any]) -> Iterator[str]:
    for block in _blocks(message):
        if block["type"] == "text" and not block["text"].lstrip().startswith(ADDED):
            yield block["text"]
