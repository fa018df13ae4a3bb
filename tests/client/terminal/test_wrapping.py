from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.clusters import width
from jelmored.client.terminal.spans import Look, Row, Span
from jelmored.client.terminal.wrapping import chop, clip, wrap

words = st.text(alphabet="ab 日e\u0301👩\u200d🚀", max_size=60)
lines = st.lists(st.builds(Span, words, st.sampled_from(Look)), max_size=5)


def text(row: Row) -> str:
    return "".join(span.text for span in row)


def texts(rows: Sequence[Row]) -> list[str]:
    return [text(row) for row in rows]


@given(lines, st.integers(2, 30), st.integers(0, 4), st.sampled_from([wrap, chop]))
def test_rows_fit_and_no_word_is_lost(
    line: list[Span], columns: int, hang: int, rows: Callable[..., list[Row]]
) -> None:
    found = rows(line, columns, hang)
    assert all(width(text(row)) <= columns for row in found)
    assert "".join("".join(texts(found)).split()) == "".join(text(tuple(line)).split())


def test_lines_are_broken_between_words() -> None:
    assert texts(wrap([Span("one two three")], 8)) == ["one two", "three"]
    assert texts(wrap([Span("- one two three")], 8, hang=2)) == ["- one", "  two", "  three"]
    assert texts(wrap([Span("  indented")], 20)) == ["  indented"]


def test_a_word_of_several_looks_is_one_word() -> None:
    assert texts(wrap([Span("see "), Span("bo", Look.STRONG), Span("ld")], 7)) == ["see", "bold"]


def test_a_long_word_is_cut_and_a_sign_is_not() -> None:
    assert texts(wrap([Span("abcdefgh")], 3)) == ["abc", "def", "gh"]
    assert texts(chop([Span("a👩\u200d🚀b")], 2)) == ["a", "👩\u200d🚀", "b"]


def test_in_code_every_space_counts() -> None:
    assert texts(chop([Span("a   b   c")], 4)) == ["a   ", "b   ", "c"]


@pytest.mark.parametrize(("columns", "shown"), [(10, "one two"), (7, "one two"), (5, "one …"), (1, "…")])
def test_one_row_of_it(columns: int, shown: str) -> None:
    assert text(clip([Span("one "), Span("two")], columns)) == shown
