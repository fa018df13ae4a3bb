from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.events import Draft, EventType, Said
from jelmored.providers.base import Delta, ItemVoided, RunEvent, TurnBegan, TurnOver
from jelmored.providers.claude.normaliser import Normaliser

from . import lines


def heard(*data: bytes) -> list[RunEvent]:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    return normaliser.feed(data)


def said(events: list[RunEvent]) -> list[tuple[str, str, Any]]:
    return [
        (event.metadata.item_id, event.content, event.metadata.supersedes)
        for event in events
        if isinstance(event, Draft) and isinstance(event.metadata, Said)
    ]


def test_the_blocks_of_a_message_are_items() -> None:
    events = heard(
        lines.begun("m1"),
        lines.opened(0, "thinking"),
        lines.piece(0, "hm", "thinking"),
        lines.whole("m1", lines.thinking("hm")),
        lines.opened(1),
        lines.piece(1, "an"),
        lines.piece(1, "swer"),
        lines.whole("m1", lines.text("answer")),
    )
    deltas = [event for event in events if isinstance(event, Delta)]
    assert [(d.item_id, d.kind, d.text) for d in deltas] == [
        ("m1.0", "thinking", "hm"),
        ("m1.1", "text", "an"),
        ("m1.1", "text", "swer"),
    ]
    assert said(events) == [("m1.0", "hm", ()), ("m1.1", "answer", ())]


def test_a_tool_use_between_texts_keeps_its_place() -> None:
    use = lines.tool_use("t1", "Read", file_path="a")
    events = heard(lines.whole("m1", lines.text("a")), lines.whole("m1", use), lines.whole("m1", lines.text("b")))
    assert [item_id for item_id, _, _ in said(events)] == ["m1.0", "m1.2"]


@pytest.mark.parametrize(
    "again",
    [
        [lines.whole("m2", lines.text("whole"))],
        [lines.begun("m2"), lines.opened(0), lines.piece(0, "whole"), lines.whole("m2", lines.text("whole"))],
    ],
)
def test_an_answer_that_is_done_over_voids_what_had_streamed(again: list[bytes]) -> None:
    events = heard(lines.begun("m1"), lines.opened(0), lines.piece(0, "par"), *again)
    assert [event.item_id for event in events if isinstance(event, ItemVoided)] == ["m1.0"]
    assert said(events) == [("m2.0", "whole", ("m1.0",))]


def test_a_block_of_which_nothing_was_shown_is_voided_in_silence() -> None:
    events = heard(lines.begun("m1"), lines.opened(0), lines.whole("m2", lines.text("whole")))
    assert said(events) == [("m2.0", "whole", ())]
    assert not any(isinstance(event, ItemVoided) for event in events)


def test_what_was_whole_before_the_cut_stays() -> None:
    events = heard(
        lines.begun("m1"),
        *(lines.opened(0), lines.piece(0, "first"), lines.whole("m1", lines.text("first"))),
        *(lines.opened(1), lines.piece(1, "sec")),
        lines.whole("m2", lines.text("second")),
    )
    assert [event.item_id for event in events if isinstance(event, ItemVoided)] == ["m1.1"]
    assert said(events) == [("m1.0", "first", ()), ("m2.0", "second", ("m1.1",))]


def test_a_subagent_speaks_beside_the_agent() -> None:
    events = heard(
        lines.begun("m1"),
        *(lines.opened(0), lines.piece(0, "ma")),
        *(lines.begun("s1", "t1"), lines.opened(0, parent="t1"), lines.piece(0, "sub", parent="t1")),
        lines.whole("s1", lines.text("sub"), parent="t1"),
        *(lines.piece(0, "in"), lines.whole("m1", lines.text("main"))),
    )
    assert said(events) == [("s1.0", "sub", ()), ("m1.0", "main", ())]
    assert not any(isinstance(event, ItemVoided) for event in events)


def test_what_is_open_at_the_end_of_the_turn_is_left_to_the_session() -> None:
    events = heard(lines.begun("m1"), lines.opened(0), lines.piece(0, "par"), lines.result(), lines.begun("m2"))
    assert [type(event) for event in events] == [Delta, TurnOver, TurnBegan]


def test_pieces_that_belong_nowhere_are_dropped() -> None:
    assert not heard(lines.piece(0, "a"), lines.begun("m1"), lines.piece(3, "b"), lines.opened(0), lines.piece(0, ""))


def test_a_streaming_event_of_another_shape_is_kept() -> None:
    (draft,) = heard(lines.streamed(type="message_start"))
    assert isinstance(draft, Draft)
    assert draft.event_type is EventType.SYSTEM
