"""Keys of a terminal while a conversation is watched: one press, one meaning. Ctrl-C comes as a signal, as ever."""

from __future__ import annotations

import enum
import os
import re
import signal
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

import trio

ESCAPE_SECONDS = 0.05  # within which the rest of an arrow key's sequence follows its escape character
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|\[)")


class Key(enum.Enum):
    YES = enum.auto()
    ALWAYS = enum.auto()
    NO = enum.auto()
    STOP = enum.auto()
    """Esc: the turn is to end."""
    BREAK = enum.auto()
    """Ctrl-C: the turn is to end, or else the command."""
    DETACH = enum.auto()


KEYS: Mapping[int, Key] = {
    ord("y"): Key.YES,
    ord("Y"): Key.YES,
    ord("a"): Key.ALWAYS,
    ord("A"): Key.ALWAYS,
    ord("n"): Key.NO,
    ord("N"): Key.NO,
    0x1B: Key.STOP,
    0x04: Key.DETACH,
}
SIGNALS: Mapping[int, Key] = {
    signal.SIGINT: Key.BREAK,
    signal.SIGTERM: Key.DETACH,
    signal.SIGHUP: Key.DETACH,
}


def meaning(pressed: bytes) -> list[Key]:
    """The keys among what was pressed; arrow keys and their like are none of ours."""
    return [KEYS[byte] for byte in _SEQUENCE.sub(b"", pressed) if byte in KEYS]


def at_hand(stdin: TextIO) -> bool:
    """Is there somebody at this terminal: is it one, and do its keys come to us rather than to another job?"""
    try:
        return stdin.isatty() and os.tcgetpgrp(stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextmanager
def one_by_one(fd: int) -> Iterator[None]:
    """Keys come as they are pressed and are not echoed; signals and output stay as they were."""
    before = termios.tcgetattr(fd)
    now = termios.tcgetattr(fd)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(fd, termios.TCSANOW, now)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(fd, termios.TCSANOW, before)


async def listen(
    fd: int, pressed: trio.MemorySendChannel[Key], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Send each key, until the terminal is gone: that is a `DETACH` too."""
    with one_by_one(fd):
        task_status.started()
        while data := await _read(fd):
            for key in meaning(data):
                await pressed.send(key)
    await pressed.send(Key.DETACH)


async def listen_to_signals(
    pressed: trio.MemorySendChannel[Key], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Ctrl-C, and being told to go."""
    with trio.open_signal_receiver(*map(signal.Signals, SIGNALS)) as signals:
        task_status.started()
        async for number in signals:
            await pressed.send(SIGNALS[number])


async def _read(fd: int) -> bytes:
    """What was pressed; empty when the terminal is gone."""
    data = await _some(fd)
    if data.endswith(b"\x1b"):
        with trio.move_on_after(ESCAPE_SECONDS):
            data += await _some(fd)
    return data


async def _some(fd: int) -> bytes:
    await trio.lowlevel.wait_readable(fd)
    try:
        return os.read(fd, 1024)
    except OSError:
        return b""
