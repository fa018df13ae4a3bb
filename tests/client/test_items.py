"""Whatever is repeated, cut or left out on the wire, the pieces of an item join to its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jelmored.client import ItemVoided, SessionDelta
from jelmored.client.items import Items
from jelmored.domain.events import DeltaKind, OpenItem
from jelmored.domain.ids import ItemId, SessionId

SESSION, ITEM = SessionId("ses_a"), ItemId("itm_a")


def delta(offset: int, text: str) -> SessionDelta:
    return SessionDelta(
        session_id=SESSION, turn=None, item_id=ITEM, after_seq=0, kind=DeltaKind.TEXT, offset=offset, text=text
    )


def whole(text: str) -> OpenItem:
    return OpenItem(item_id=ITEM, kind=DeltaKind.TEXT, text=text)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans()), max_size=30)


@given(st.text(min_size=30, max_size=30), spans)
def test_what_is_given_out_is_always_a_prefix_of_the_text(text: str, told: list[tuple[int, int, bool]]) -> None:
    items, given_out = Items(), ""
    for start, end, all_of_it in told:
        if all_of_it:
            pieces: list[SessionDelta | ItemVoided | None] = [*items.reconcile(SESSION, 1, [whole(text[:end])])]
        else:
            pieces = [items.piece(delta(start, text[start:end]))]
        for piece in filter(None, pieces):
            assert isinstance(piece, SessionDelta)
            assert piece.offset == len(given_out)
            given_out += piece.text
    assert text.startswith(given_out)


@given(st.lists(st.text(min_size=1), max_size=10))
def test_without_trouble_every_piece_passes_as_it_is(pieces: list[str]) -> None:
    items, offset = Items(), 0
    for text in pieces:
        assert items.piece(delta(offset, text)) == delta(offset, text)
        offset += len(text)


def test_an_item_that_is_no_longer_open_is_void() -> None:
    items = Items()
    items.piece(delta(0, "half"))
    assert items.reconcile(SESSION, 3, []) == [ItemVoided(session_id=SESSION, item_id=ITEM, reason="lost")]
    assert items.reconcile(SESSION, 3, []) == []


def test_a_closed_item_is_not_void() -> None:
    items = Items()
    items.piece(delta(0, "whole"))
    items.close(ITEM)
    assert items.reconcile(SESSION, 3, []) == []
