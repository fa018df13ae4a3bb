from __future__ import annotations

import os
import termios
from contextlib import suppress

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.keyboard import Decoder, Keyboard, Press, Stroke, one_by_one


def text(words: str) -> Press:
    return Press(Stroke.TEXT, words)


@pytest.mark.parametrize(
    ("data", "presses"),
    [
        (b"y", [text("y")]),
        ("grüße 🎈".encode(), [text("grüße 🎈")]),
        (b"a\rb", [text("a"), Press(Stroke.ENTER), text("b")]),
        (b"\n\x1b\r", [Press(Stroke.NEWLINE), Press(Stroke.NEWLINE)]),
        (b"\x1b[A\x1bOB\x1b[3~", [Press(Stroke.UP), Press(Stroke.DOWN), Press(Stroke.DELETE)]),
        (b"\x1b[1;5C\x1bb", [Press(Stroke.WORD_RIGHT), Press(Stroke.WORD_LEFT)]),
        (b"\x1b[15~\x1bOP\x1b[<0;1;1M", []),  # F5, F1, a mouse: none of ours
        (b"\x13\x0f\x04", [Press(Stroke.CONTROL, letter) for letter in "sod"]),
        (b"\x1b[200~two\r\nlines\x1b[A\x1b[201~y", [Press(Stroke.PASTE, "two\nlines\x1b[A"), text("y")]),
        (b"\x1b\x1b[A", [Press(Stroke.ESCAPE), Press(Stroke.UP)]),
        (b"\xff", [text("\N{REPLACEMENT CHARACTER}")]),
    ],
)
def test_what_bytes_mean(data: bytes, presses: list[Press]) -> None:
    assert Decoder().feed(data) == presses


@given(st.lists(st.sampled_from([b"\x1b[A", b"\x1b[200~a\rb\x1b[201~", "ü🎈".encode(), b"\r", b"\x04"])), st.data())
def test_pieces_mean_the_same(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    at = data.draw(st.integers(0, len(whole)))
    decoder = Decoder()
    pieces = [*decoder.feed(whole[:at]), *decoder.feed(whole[at:])]
    assert _joined(pieces) == _joined(Decoder().feed(whole))


def _joined(presses: list[Press]) -> list[tuple[Stroke, str]]:
    """Text may come in several presses."""
    return [(press.stroke, letter) for press in presses for letter in press.text or [""]]


@given(st.binary())
def test_whatever_is_pressed_means_something_or_nothing(data: bytes) -> None:
    decoder = Decoder()
    presses = [*decoder.feed(data), *decoder.flush()]
    assert all(press.text == "" or press.stroke in {Stroke.TEXT, Stroke.PASTE, Stroke.CONTROL} for press in presses)
    assert not decoder.waits


async def test_escape_alone_is_a_key_and_an_arrow_in_two_pieces_is_none() -> None:
    ours, theirs = os.openpty()
    with one_by_one(theirs):
        keyboard = Keyboard(theirs)
        os.write(ours, b"\x1b")
        assert await keyboard.presses() == [Press(Stroke.ESCAPE)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_arrow_in_two, ours)
            assert await keyboard.presses() == [Press(Stroke.UP)]
    os.close(ours)
    assert await keyboard.presses() == [Press(Stroke.GONE)]
    os.close(theirs)


async def _arrow_in_two(fd: int) -> None:
    os.write(fd, b"\x1b")
    await trio.testing.wait_all_tasks_blocked()
    os.write(fd, b"[A")


def test_the_terminal_is_as_it_was_afterwards() -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    with suppress(RuntimeError), one_by_one(theirs):
        flags = termios.tcgetattr(theirs)
        assert not flags[3] & (termios.ECHO | termios.ICANON)
        assert not flags[0] & (termios.IXON | termios.ICRNL)
        assert flags[3] & termios.ISIG
        raise RuntimeError
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
