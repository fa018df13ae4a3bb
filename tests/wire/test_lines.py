"""Bytes to lines, however they are cut into chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jelmored.wire.lines import LineSplitter

texts = st.lists(st.sampled_from([b"a", b"bcd", b"\n"]), max_size=40).map(b"".join)


@given(texts, st.data())
def test_a_line_that_is_too_long_is_an_empty_one_and_counted(text: bytes, data: st.DataObject) -> None:
    limit = data.draw(st.integers(1, 8), "limit")
    size = data.draw(st.integers(1, limit), "size of a chunk")
    splitter = LineSplitter(limit=limit)
    lines = [line for start in range(0, len(text), size) for line in splitter.feed(text[start : start + size])]
    *whole, last = text.split(b"\n")
    assert lines == [line if len(line) <= limit else b"" for line in whole]
    assert splitter.finish() == ([last] if 0 < len(last) <= limit else [])
    assert splitter.dropped == sum(len(line) > limit for line in [*whole, last])
