from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.painter import ERASE_LINE, Painter
from jelmored.client.terminal.spans import Look, Span


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\t")), st.sampled_from(Look))
def test_a_file_gets_the_plain_text(text: str, look: Look) -> None:
    file = io.StringIO()
    Painter(file).paint([Span(text, look)])
    assert "\x1b" not in file.getvalue()


def test_pieces_join_as_they_are() -> None:
    file = io.StringIO()
    painter = Painter(file)
    for piece in ("a", " b ", "\n", "c\n\n", " d"):
        painter.paint([Span(piece)])
    assert file.getvalue() == "a b \nc\n\n d"


def test_long_text_is_left_to_the_terminal_to_wrap() -> None:
    file = Tty()
    Painter(file).paint([Span("x" * 500)])
    assert file.getvalue() == "x" * 500


def test_a_terminal_gets_looks_and_agents_get_none_through() -> None:
    file = Tty()
    Painter(file).paint([Span("bad\x1b[0m", Look.BAD)])
    assert file.getvalue() == "\x1b[31mbad␛[0m\x1b[0m"


def test_no_color_and_dumb_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = Tty()
    Painter(file).paint([Span("bad", Look.BAD)])
    assert "31" not in file.getvalue()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    file = Tty()
    painter = Painter(file)
    painter.paint([Span("bad", Look.BAD)])
    assert (file.getvalue(), painter.moves) == ("bad", False)


def test_a_passing_line_is_gone_with_the_next() -> None:
    file = Tty()
    painter = Painter(file)
    assert painter.moves
    painter.passing([Span("working")])
    painter.passing([Span("still working")])
    painter.paint([Span("done\n")])
    painter.paint([Span("more\n")])
    assert file.getvalue() == f"working{ERASE_LINE}still working{ERASE_LINE}done\nmore\n"
