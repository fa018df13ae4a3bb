"""What an agent says and thinks, shown as it streams and completed by the event that closes it."""

from __future__ import annotations

import attrs

from jelmored.domain.events import DeltaKind, Event, Said
from jelmored.domain.ids import ItemId
from jelmored.wire.messages import ItemVoided, SessionDelta

from .layout import Block, Layout
from .spans import Look, Span

THOUGHT = 240  # characters of a thought that are shown


@attrs.define
class _Shown:
    """In pieces, as it came: an answer can have many thousands."""

    pieces: list[str] = attrs.field(factory=list)
    length: int = 0

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@attrs.define
class Speech:
    """The items that are open, with what is shown of each."""

    layout: Layout
    _shown: dict[ItemId, _Shown] = attrs.field(factory=dict)
    _current: ItemId | None = None
    """The item whose text the cursor stands behind."""

    def delta(self, delta: SessionDelta) -> list[Span]:
        """The next piece. What a sub-agent says, and what a tool prints, is not shown."""
        if delta.parent_tool_use_id is not None or delta.kind is DeltaKind.TOOL_OUTPUT:
            return []
        if delta.kind is DeltaKind.THINKING:
            return self._think(delta.item_id, delta.text)
        return self._say(delta.item_id, delta.text)

    def voided(self, voided: ItemVoided) -> list[Span]:
        """It will not be said after all."""
        shown = self._shown.pop(voided.item_id, None)
        return self.layout.aside("the agent begins its answer anew") if shown else []

    def said(self, event: Event, said: Said) -> list[Span]:
        """The whole of it: what is not shown yet follows."""
        shown = self._shown.pop(said.item_id, _Shown()).text
        if said.parent_tool_use_id is not None or not event.content.strip():
            return []
        if not event.content.startswith(shown):
            return [*self.layout.aside("the whole answer:"), *self._whole(event.content)]
        if not shown:
            return self._whole(event.content)
        again = [] if self._is_current(said.item_id) else self.layout.begin(Block.TEXT, apart=True)
        return [*again, self.layout.put(event.content[len(shown) :], Look.PROSE), *self.layout.end_line()]

    def thought(self, event: Event, said: Said) -> list[Span]:
        """The whole thought; of one that did not stream its beginning is shown."""
        streamed = said.item_id in self._shown
        if said.parent_tool_use_id is not None or not event.content.strip():
            return []
        spans = [] if streamed else self._think(said.item_id, event.content)
        del self._shown[said.item_id]
        return [*spans, *self.layout.end_line()]

    def _say(self, item_id: ItemId, text: str) -> list[Span]:
        spans = self._turn_to(item_id, Block.TEXT)
        self._shown.setdefault(item_id, _Shown()).add(text)
        return [*spans, self.layout.put(text, Look.PROSE)]

    def _think(self, item_id: ItemId, text: str) -> list[Span]:
        shown = self._shown.setdefault(item_id, _Shown())
        room = THOUGHT - shown.length
        shown.add(text)
        if room <= 0:
            return []
        sign = [] if self._is_current(item_id) else [*self._turn_to(item_id, Block.THOUGHT), Span("✻ ", Look.DIM)]
        more = "…" if len(text) > room else ""
        return [*sign, self.layout.put(text[:room].replace("\n", " ") + more, Look.DIM)]

    def _whole(self, text: str) -> list[Span]:
        return [*self.layout.begin(Block.TEXT, apart=True), self.layout.put(text, Look.PROSE), *self.layout.end_line()]

    def _turn_to(self, item_id: ItemId, block: Block) -> list[Span]:
        if self._is_current(item_id):
            return []
        self._current = item_id
        return self.layout.begin(block, apart=True)

    def _is_current(self, item_id: ItemId) -> bool:
        return self._current == item_id and self.layout.block in {Block.TEXT, Block.THOUGHT}
