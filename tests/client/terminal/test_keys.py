from __future__ import annotations

import os

import pytest
import trio

from jelmored.client.terminal.keyboard import Press, Stroke
from jelmored.client.terminal.keys import Key, listen, meaning


@pytest.mark.parametrize(
    ("press", "keys"),
    [
        (Press(Stroke.TEXT, "y"), [Key.YES]),
        (Press(Stroke.TEXT, "Na"), [Key.NO, Key.ALWAYS]),
        (Press(Stroke.ESCAPE), [Key.STOP]),
        (Press(Stroke.CONTROL, "d"), [Key.DETACH]),
        (Press(Stroke.CONTROL, "a"), []),
        (Press(Stroke.PASTE, "y"), []),
        (Press(Stroke.UP), []),
        (Press(Stroke.TEXT, "qwertz"), []),
    ],
)
def test_keys_and_no_keys(press: Press, keys: list[Key]) -> None:
    assert meaning(press) == keys


async def test_keys_come_as_they_are_pressed_and_a_terminal_that_goes_away_detaches() -> None:
    ours, theirs = os.openpty()
    pressed, presses = trio.open_memory_channel[Key](16)
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, theirs, pressed)
        os.write(ours, b"y")
        assert await presses.receive() is Key.YES
        os.close(ours)
        assert await presses.receive() is Key.DETACH
    os.close(theirs)
