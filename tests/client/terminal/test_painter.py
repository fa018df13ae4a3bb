from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.painter import Painter, Size
from jelmored.client.terminal.spans import Look, Span

COLOURS = {"TERM": "xterm-256color"}


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\t")), st.sampled_from(Look))
def test_a_file_gets_the_plain_text(text: str, look: Look) -> None:
    file = io.StringIO()
    Painter(file, COLOURS).paint([Span(text, look)])
    assert "\x1b" not in file.getvalue()


def test_pieces_join_as_they_are() -> None:
    file = io.StringIO()
    painter = Painter(file, COLOURS)
    for piece in ("a", " b ", "\n", "c\n\n", " d"):
        painter.paint([Span(piece)])
    assert file.getvalue() == "a b \nc\n\n d"


def test_a_terminal_gets_looks_and_agents_get_none_through() -> None:
    file = Tty()
    Painter(file, COLOURS).paint([Span("bad\x1b[0m", Look.BAD), Span("!", Look.BAD), Span(" fine")])
    assert file.getvalue() == "\x1b[31mbad␛[0m!\x1b[0m fine"


@pytest.mark.parametrize(
    ("environ", "painted", "moves", "marks"),
    [
        (COLOURS, "\x1b[1;33mask\x1b[0m", True, True),
        (COLOURS | {"NO_COLOR": ""}, "\x1b[1;33mask\x1b[0m", True, True),
        (COLOURS | {"NO_COLOR": "1"}, "\x1b[1mask\x1b[0m", True, False),
        ({"TERM": "dumb"}, "ask", False, False),
        ({}, "ask", False, False),
    ],
)
def test_a_terminal_gets_what_it_can_take(environ: Mapping[str, str], painted: str, moves: bool, marks: bool) -> None:
    file = Tty()
    painter = Painter(file, environ)
    painter.paint([Span("ask", Look.ASKS)])
    assert (file.getvalue(), painter.moves, painter.marks) == (painted, moves, marks)


def test_what_has_no_size_is_taken_for_a_page() -> None:
    assert Painter(io.StringIO(), {}).size == Size(80, 24)
    assert Painter(io.StringIO(), {"COLUMNS": "40"}).columns == 40
    assert Painter(io.StringIO(), {"COLUMNS": "wide"}).columns == 80
