"""The items of an answer while they stream: which piece belongs to which, what closes them, what voids them.

Each content block of a message is an item. The CLI repeats a request in silence when its stream is cut: then another
message begins although blocks of the last one are still open, and these are void.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jelmored.domain.events import DeltaKind, EventType
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.providers.base import Delta, ItemVoided

_KINDS: Mapping[str, DeltaKind] = {"text": DeltaKind.TEXT, "thinking": DeltaKind.THINKING}
_DELTAS: Mapping[str, str] = {"text_delta": "text", "thinking_delta": "thinking"}

EVENT_OF: Mapping[DeltaKind, EventType] = {
    DeltaKind.TEXT: EventType.ASSISTANT,
    DeltaKind.THINKING: EventType.THINKING,
}


@attrs.define
class _Item:
    item_id: ItemId
    kind: DeltaKind
    shown: bool = False
    """Some of its text was told."""


@attrs.define
class _Voice:
    """Who speaks: the agent, or a subagent by its tool use. One message at a time, blocks in order."""

    message_id: str
    open: dict[int, _Item] = attrs.field(factory=dict)
    blocks: int = 0
    """Blocks that are closed; the index of the next where none was streamed."""

    def take(self, kind: DeltaKind) -> ItemId:
        """The id of the block that is now whole."""
        for index, item in self.open.items():
            if item.kind is kind:
                del self.open[index]
                self.blocks = max(self.blocks, index + 1)
                return item.item_id
        return self.skip()

    def skip(self) -> ItemId:
        self.blocks += 1
        return ItemId(f"{self.message_id}.{self.blocks - 1}")


@attrs.define
class Streams:
    """All that streams in one run."""

    _voices: dict[ToolUseId | None, _Voice] = attrs.field(factory=dict)
    _void: dict[ToolUseId | None, list[ItemId]] = attrs.field(factory=dict)

    def piece(self, raw: Any) -> Delta | None:
        """A piece of text, straight from the JSON of a line: these come by the thousand. None for any other message."""
        try:
            event, parent = raw["event"], raw["parent_tool_use_id"]
            text = event["delta"][_DELTAS[event["delta"]["type"]]]
            item = self._voices[parent].open[event["index"]]
        except (KeyError, TypeError):
            return None
        if type(text) is not str or not text:
            return None
        item.shown = True
        return Delta(item_id=item.item_id, kind=item.kind, text=text, parent_tool_use_id=parent)

    def hear(self, event: Mapping[str, Any], parent: ToolUseId | None) -> list[ItemVoided]:
        """What another streaming event means.

        Raises:
            KeyError, TypeError: it is not what the API sends.
        """
        match event["type"]:
            case "content_block_start":
                self._start(event["index"], event["content_block"]["type"], parent)
            case "message_start":
                return list(self._turn_to(event["message"]["id"], parent))
        return []

    def close(self, message_id: str, kind: DeltaKind, parent: ToolUseId | None) -> tuple[ItemId, list[ItemVoided]]:
        """The id of an item that is whole, and what is void because of it."""
        voided = list(self._turn_to(message_id, parent))
        return self._voices[parent].take(kind), voided

    def pass_block(self, message_id: str, parent: ToolUseId | None) -> list[ItemVoided]:
        """A block that is no item: it counts, and it too may be the first sign of a repeated answer."""
        voided = list(self._turn_to(message_id, parent))
        self._voices[parent].skip()
        return voided

    def superseded(self, parent: ToolUseId | None) -> tuple[ItemId, ...]:
        """The void items that the next whole one stands for."""
        return tuple(self._void.pop(parent, ()))

    def finish(self) -> None:
        """At a turn's end: what never became whole is for the session to close, which has its text."""
        self._voices.clear()
        self._void.clear()

    def _start(self, index: int, block: str, parent: ToolUseId | None) -> None:
        voice = self._voices.get(parent)
        if voice is not None and isinstance(index, int) and block in _KINDS:
            voice.open[index] = _Item(ItemId(f"{voice.message_id}.{index}"), _KINDS[block])

    def _turn_to(self, message_id: str, parent: ToolUseId | None) -> Iterator[ItemVoided]:
        voice = self._voices.get(parent)
        if voice is not None and voice.message_id == message_id:
            return
        self._voices[parent] = _Voice(message_id)
        for item in voice.open.values() if voice else ():
            if item.shown:
                self._void.setdefault(parent, []).append(item.item_id)
                yield ItemVoided(item_id=item.item_id, reason="the answer was cut and is done over")
