from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.wire.sse import EventTooLong, SseDecoder

from .test_lines import cut, places

data_lines = st.text(max_size=12).map(lambda text: text.encode().replace(b"\n", b"|").replace(b"\r", b"|"))
events = st.lists(st.lists(data_lines, min_size=1, max_size=3), max_size=6)


def decoded(chunks: list[bytes], limit: int = 1000) -> list[bytes]:
    decoder = SseDecoder(limit)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@given(events, places, st.sampled_from([b"\n", b"\r\n"]))
def test_any_cuts_give_the_same_events(told: list[list[bytes]], where: list[int], end: bytes) -> None:
    stream = b"".join(b"".join(b"data: " + line + end for line in lines) + end for lines in told)
    assert decoded(cut(stream, where)) == [b"\n".join(lines) for lines in told]


def test_only_data_counts() -> None:
    stream = b": hello\nid: 7\nevent: x\nretry: 1\ndata:{}\ndatum: no\n\n\n: there\n\n"
    assert decoded([stream]) == [b"{}"]


def test_an_event_without_its_blank_line_is_not_told() -> None:
    assert decoded([b"data: {}\n"]) == []


@pytest.mark.parametrize("chunks", [[b"data: 12345678\n\n"], [b"data: ", b"12345", b"67890"], [b"data: 1234\n"] * 3])
def test_an_event_that_is_too_long_is_an_error_that_says_so(chunks: list[bytes]) -> None:
    with pytest.raises(EventTooLong, match="longer than 10 bytes"):
        decoded([*chunks, b"\n"], limit=10)


def test_events_before_one_too_long_are_bounded_each_by_itself() -> None:
    assert decoded([b"data: 1234\n\n" * 20], limit=12) == [b"1234"] * 20
