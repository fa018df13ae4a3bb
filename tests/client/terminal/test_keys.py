from __future__ import annotations

import os
import termios

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.keys import Key, listen, meaning, one_by_one


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        (b"y", [Key.YES]),
        (b"Na", [Key.NO, Key.ALWAYS]),
        (b"\x1b", [Key.STOP]),
        (b"\x04", [Key.DETACH]),
        (b"\x1b[A", []),  # an arrow
        (b"\x1b[1;5C\x1bOP", []),  # Ctrl-right, F1
        (b"\x1b[200~y", [Key.YES]),
        (b"qwertz", []),
    ],
)
def test_keys_and_no_keys(pressed: bytes, keys: list[Key]) -> None:
    assert meaning(pressed) == keys


@given(st.binary())
def test_whatever_is_pressed_means_something_or_nothing(pressed: bytes) -> None:
    assert len(meaning(pressed)) <= len(pressed)


async def test_an_arrow_that_comes_in_two_pieces_is_no_escape() -> None:
    ours, theirs = os.openpty()
    pressed, presses = trio.open_memory_channel[Key](16)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, theirs, pressed)
        await trio.testing.wait_all_tasks_blocked()
        os.write(ours, b"\x1b")
        await trio.testing.wait_all_tasks_blocked()
        os.write(ours, b"[Ay")
        assert await presses.receive() is Key.YES
        nursery.cancel_scope.cancel()
    os.close(ours)
    os.close(theirs)


async def test_a_terminal_that_goes_away_detaches() -> None:
    ours, theirs = os.openpty()
    pressed, presses = trio.open_memory_channel[Key](16)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, theirs, pressed)
        await trio.testing.wait_all_tasks_blocked()
        os.close(ours)
        assert await presses.receive() is Key.DETACH
    os.close(theirs)


def test_the_terminal_is_as_it_was_afterwards() -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    with one_by_one(theirs):
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON)
        assert termios.tcgetattr(theirs)[3] & termios.ISIG
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
