from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.screen import BEGIN, END, Region, Screen
from jelmored.client.terminal.spans import Row, Span
from tests.client.emulator import Emulator

from .stage import Tty


class Seen:
    """A screen of 20×6, and what is seen on it."""

    def __init__(self) -> None:
        self.file = Tty()
        self.emulator = Emulator(20, 6)
        self.screen = Screen(Painter(self.file, {"TERM": "xterm"}))

    def lines(self) -> list[str]:
        self.emulator.feed(self.file.getvalue().replace("\n", "\r\n").encode())
        self.file.truncate(0)
        self.file.seek(0)
        return self.emulator.text.rstrip("\n").split("\n")


def rows(*texts: str) -> list[Row]:
    return [(Span(text),) for text in texts]


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_what_is_said_stays_above_and_the_region_is_drawn_again(seen: Seen) -> None:
    seen.screen.show(rows("one"), Region(rows("status 1")))
    seen.screen.show(rows("two", "three"), Region(rows("asks", "status 2")))
    seen.screen.show([], Region(rows("status 3")))
    assert seen.lines() == ["one", "two", "three", "status 3"]
    seen.screen.close()
    assert seen.lines() == ["one", "two", "three"]


def test_a_frame_is_one_write_and_nothing_new_is_none(seen: Seen) -> None:
    seen.screen.show(rows("one"), Region(rows("status")))
    frame = seen.file.getvalue()
    assert frame.startswith(BEGIN)
    assert frame.endswith(END)
    assert frame.count(BEGIN) == 1
    seen.screen.show([], Region(rows("status")))
    assert seen.file.getvalue() == frame


def test_the_cursor_is_where_it_is_typed(seen: Seen) -> None:
    for column in (2, 0):
        seen.screen.show([], Region(rows("asks", "> ", "status"), (1, column)))
        seen.lines()
        assert f"[cursor: row 1, column {column}]" in seen.emulator.shown
    seen.screen.show([], Region(rows("status")))
    seen.lines()
    assert "[cursor: hidden]" in seen.emulator.shown


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.booleans()), max_size=12))
def test_however_the_region_grows_and_shrinks_nothing_is_lost(frames: list[tuple[int, int, bool]]) -> None:
    seen, said = Seen(), []
    for number, (new, height, typed) in enumerate(frames):
        fresh = [f"said {number}.{row}" for row in range(new)]
        said += fresh
        region = Region(rows(*(f"region {number}.{row}" for row in range(height))), (0, 3) if typed else None)
        seen.screen.show(rows(*fresh), region)
    seen.screen.close()
    assert [line for line in seen.lines() if line] == said


def test_a_row_that_a_terminal_finds_too_wide_stays_one(seen: Seen) -> None:
    seen.screen.show(rows("said"), Region(rows("x" * 30, "status")))
    seen.screen.show(rows("more"), Region(rows("status")))
    assert seen.lines() == ["said", "more", "status"]


def test_for_another_width_all_is_laid_out_anew(seen: Seen) -> None:
    seen.screen.show(rows("x" * 30), Region(rows("status")))
    seen.emulator = Emulator(80, 24)
    seen.screen.redraw(rows("x" * 20, "x" * 10), Region(rows("status")))
    seen.screen.close()
    assert seen.lines() == ["x" * 20, "x" * 10]
