"""Items as they stream: the pieces that a consumer gets join exactly, whatever the wire repeats or leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.domain.events import OpenItem
from jelmored.domain.ids import ItemId, SessionId
from jelmored.wire.messages import ItemVoided, SessionDelta


@attrs.define
class Items:
    """How much of each open item was given out, in code points."""

    _given: dict[ItemId, int] = attrs.field(factory=dict)

    def piece(self, delta: SessionDelta) -> SessionDelta | None:
        """What of a delta is new. After a gap nothing is, until the item's whole text is known again."""
        given = self._given.get(delta.item_id, 0)
        fresh = delta.text[given - delta.offset :] if delta.offset <= given else ""
        if not fresh:
            return None
        self._given[delta.item_id] = given + len(fresh)
        return attrs.evolve(delta, offset=given, text=fresh)

    def reconcile(self, session_id: SessionId, head: int, items: Sequence[OpenItem]) -> list[SessionDelta | ItemVoided]:
        """The daemon told which items are open, with all their text: what is missing, and what no longer is."""
        still_open = {item.item_id for item in items}
        gone = [item_id for item_id in self._given if item_id not in still_open]
        for item_id in gone:
            del self._given[item_id]
        voided = [ItemVoided(session_id=session_id, item_id=item_id, reason="lost") for item_id in gone]
        pieces = (self.piece(_whole(session_id, head, item)) for item in items)
        return [*voided, *(piece for piece in pieces if piece is not None)]

    def close(self, item_id: ItemId) -> None:
        """An event holds the whole text now, or it is void."""
        self._given.pop(item_id, None)

    def clear(self) -> None:
        """The turn is over: nothing streams."""
        self._given.clear()


def _whole(session_id: SessionId, head: int, item: OpenItem) -> SessionDelta:
    return SessionDelta(
        session_id=session_id,
        turn=None,
        item_id=item.item_id,
        after_seq=head,
        kind=item.kind,
        offset=0,
        text=item.text,
        parent_tool_use_id=item.parent_tool_use_id,
    )
