"""Keys that answer a question by one press, where nothing else is typed. Ctrl-C comes as a signal, as ever."""

from __future__ import annotations

import enum
import signal
from collections.abc import Mapping

import trio

from .keyboard import Keyboard, Press, Stroke, at_hand, one_by_one

__all__ = ["KEYS", "Key", "at_hand", "listen", "listen_to_signals", "meaning"]


class Key(enum.Enum):
    YES = enum.auto()
    ALWAYS = enum.auto()
    NO = enum.auto()
    STOP = enum.auto()
    """Esc: the turn is to end."""
    BREAK = enum.auto()
    """Ctrl-C: the turn is to end, or else the command."""
    DETACH = enum.auto()


KEYS: Mapping[str, Key] = {"y": Key.YES, "a": Key.ALWAYS, "n": Key.NO}
SIGNALS: Mapping[int, Key] = {
    signal.SIGINT: Key.BREAK,
    signal.SIGTERM: Key.DETACH,
    signal.SIGHUP: Key.DETACH,
}


def meaning(press: Press) -> list[Key]:
    """The keys in it; arrow keys and their like are none of ours."""
    match press:
        case Press(Stroke.TEXT, text):
            return [KEYS[character] for character in text.lower() if character in KEYS]
        case Press(Stroke.ESCAPE):
            return [Key.STOP]
        case Press(Stroke.GONE) | Press(Stroke.CONTROL, "d"):
            return [Key.DETACH]
    return []


async def listen(
    fd: int, pressed: trio.MemorySendChannel[Key], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Send each key, until the terminal is gone: that is a `DETACH` too."""
    board, gone = Keyboard(fd), False
    with one_by_one(fd):
        task_status.started()
        while not gone:
            for press in await board.presses():
                gone = press.stroke is Stroke.GONE
                for key in meaning(press):
                    await pressed.send(key)


async def listen_to_signals(
    pressed: trio.MemorySendChannel[Key], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ctrl-C, and being told to go."""
    with trio.open_signal_receiver(*map(signal.Signals, SIGNALS)) as signals:
        task_status.started()
        async for number in signals:
            await pressed.send(SIGNALS[number])
