from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.flow import OPEN_ROWS, Flow
from jelmored.client.terminal.spans import Look, Row, Span

pieces = st.lists(st.text(alphabet="ab *`\n#-日", max_size=12))


def texts(rows: Iterable[Row]) -> list[str]:
    return ["".join(span.text for span in row) for row in rows]


def prose(*said: str, columns: int = 20) -> Flow:
    flow = Flow(columns, marked=True)
    for piece in said:
        flow.add([Span(piece, Look.PROSE)])
    return flow


def test_lines_are_taken_when_they_are_whole() -> None:
    flow = prose("Hello, ", "world.\nAnd ", "more")
    assert (texts(flow.take()), texts(flow.open())) == (["Hello, world."], ["And more"])
    assert flow.take() == []
    flow.add([Span("\n")])
    assert (texts(flow.take()), flow.open()) == (["And more"], [])


@given(pieces)
def test_however_it_comes_it_is_the_same(said: list[str]) -> None:
    whole, piecewise = prose("".join(said)), prose(*said)
    assert (whole.take(), whole.open()) == (piecewise.take(), piecewise.open())


@given(pieces)
def test_taking_often_loses_nothing(said: list[str]) -> None:
    flow, rows = Flow(20, marked=True), []
    for piece in said:
        flow.add([Span(piece, Look.PLAIN)])
        rows += flow.take()
    shown = "".join("".join(texts([*rows, *flow.open()])).split())
    assert shown == "".join("".join(said).split())


def test_a_long_line_lets_its_full_rows_go() -> None:
    flow = prose("**bold** word " * 30)
    taken = texts(flow.take())
    assert len(taken) > OPEN_ROWS
    assert len(flow.open()) == 1
    flow.add([Span("**more** and more\n", Look.PROSE)])
    words = " ".join([*taken, *texts(flow.take())]).split()
    assert words == ["bold", "word"] * 30 + ["more", "and", "more"]


def test_code_ends_with_the_words_that_it_stands_in() -> None:
    flow = prose("```\n# no heading\n")
    flow.add([Span("\n"), Span("# a heading\n", Look.PROSE)])
    assert [span.look for row in flow.take() for span in row if "heading" in span.text] == [Look.CODE, Look.STRONG]


def test_where_marks_can_not_be_shown_they_stay() -> None:
    flow = Flow(40, marked=False)
    flow.add([Span("**bold** and `code`\n```\na\tb\n", Look.PROSE)])
    assert texts(flow.take()) == ["**bold** and `code`", "```", "a    b"]


def test_what_steers_is_measured_as_it_is_seen() -> None:
    flow = Flow(4, marked=False)
    flow.add([Span("\u202eabc\u202ed\r\n")])
    assert texts(flow.take()) == ["\N{REPLACEMENT CHARACTER}abc", "\N{REPLACEMENT CHARACTER}d"]


def test_the_end_is_laid_out_again_for_another_width() -> None:
    flow = prose("one two three four\nfive six seven\n")
    flow.take()
    flow.columns = 10
    assert texts(flow.again(3)) == ["three four", "five six", "seven"]
    assert flow.again(0) == []
