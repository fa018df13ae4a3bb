"""Lines out of chunks, wherever these are cut."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from jelmored.wire.lines import LineSplitter

contents = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"|"))
LIMIT = 8


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in chunks, cut at these places; some of them empty."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def split(chunks: list[bytes], limit: int = LIMIT) -> tuple[list[bytes], int]:
    """All lines, and how many were dropped."""
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.finish(), splitter.dropped


places = st.lists(st.integers(0, 200), max_size=8)


@given(st.lists(contents, max_size=8), contents, places)
def test_any_cuts_give_the_same_lines_but_those_too_long(lines: list[bytes], rest: bytes, where: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines) + rest
    told, dropped = split(cut(data, where))
    assert dropped <= sum(len(line) > LIMIT for line in [*lines, rest])
    for line, got in zip([*lines, rest], [*told, b""], strict=False):
        assert got == line or (got == b"" and len(line) > LIMIT)
        dropped -= got != line
    assert dropped == 0


@given(st.binary(max_size=100), places)
def test_without_a_line_too_long_nothing_is_lost(data: bytes, where: list[int]) -> None:
    lines, dropped = split(cut(data, where), limit=100)
    assert b"\n".join(lines) == data.removesuffix(b"\n")
    assert dropped == 0


def test_a_line_of_just_the_limit_is_kept_and_one_that_is_longer_leaves_its_place_empty() -> None:
    chunks = [b"x" * LIMIT, b"\n", b"x" * LIMIT, b"x", b"\n", b"y\n"]
    assert split(chunks) == ([b"x" * LIMIT, b"", b"y"], 1)


def test_lines_come_as_soon_as_they_are_whole() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"a":') == []
    assert splitter.feed(b'1}\n{"b"') == [b'{"a":1}']
    assert splitter.finish() == [b'{"b"']


def test_an_endless_line_takes_no_memory() -> None:
    limit, chunk = 1024 * 1024, b"x" * 65536
    splitter = LineSplitter(limit)
    tracemalloc.start()
    try:
        for _ in range(200):
            assert splitter.feed(chunk) == []
        assert tracemalloc.get_traced_memory()[1] < 2 * limit
    finally:
        tracemalloc.stop()
    assert splitter.feed(b"\nnext\n") == [b"", b"next"]
    assert splitter.dropped == 1
