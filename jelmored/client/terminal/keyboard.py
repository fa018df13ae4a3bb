"""A terminal's keys: its modes while they are read one by one, and what the bytes mean that it sends."""

from __future__ import annotations

import codecs
import enum
import os
import re
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

import attrs
import trio

ESCAPE_SECONDS = 0.05  # within which the rest of an arrow key's sequence follows its escape character
PASTE_ENDS = "\x1b[201~"
LONGEST_PASTE = 1024 * 1024  # characters


class Stroke(enum.Enum):
    TEXT = enum.auto()
    PASTE = enum.auto()
    CONTROL = enum.auto()
    """Ctrl with the letter that is its text."""
    ENTER = enum.auto()
    NEWLINE = enum.auto()
    """Ctrl-J or Alt-Enter."""
    ESCAPE = enum.auto()
    TAB = enum.auto()
    BACKSPACE = enum.auto()
    DELETE = enum.auto()
    LEFT = enum.auto()
    RIGHT = enum.auto()
    UP = enum.auto()
    DOWN = enum.auto()
    HOME = enum.auto()
    END = enum.auto()
    WORD_LEFT = enum.auto()
    WORD_RIGHT = enum.auto()
    CUT_WORD = enum.auto()
    GONE = enum.auto()
    """The terminal is."""


@attrs.frozen
class Press:
    stroke: Stroke
    text: str = ""


_SEQUENCES: Mapping[str, Stroke] = {
    "\x1b[A": Stroke.UP,
    "\x1b[B": Stroke.DOWN,
    "\x1b[C": Stroke.RIGHT,
    "\x1b[D": Stroke.LEFT,
    "\x1bOA": Stroke.UP,
    "\x1bOB": Stroke.DOWN,
    "\x1bOC": Stroke.RIGHT,
    "\x1bOD": Stroke.LEFT,
    "\x1b[H": Stroke.HOME,
    "\x1b[F": Stroke.END,
    "\x1bOH": Stroke.HOME,
    "\x1bOF": Stroke.END,
    "\x1b[1~": Stroke.HOME,
    "\x1b[4~": Stroke.END,
    "\x1b[7~": Stroke.HOME,
    "\x1b[8~": Stroke.END,
    "\x1b[3~": Stroke.DELETE,
    "\x1b[1;5C": Stroke.WORD_RIGHT,
    "\x1b[1;5D": Stroke.WORD_LEFT,
    "\x1b[1;3C": Stroke.WORD_RIGHT,
    "\x1b[1;3D": Stroke.WORD_LEFT,
    "\x1bf": Stroke.WORD_RIGHT,
    "\x1bb": Stroke.WORD_LEFT,
    "\x1b\x7f": Stroke.CUT_WORD,
    "\x1b\r": Stroke.NEWLINE,
    "\x1b\n": Stroke.NEWLINE,
}
_SINGLE: Mapping[str, Stroke] = {
    "\r": Stroke.ENTER,
    "\n": Stroke.NEWLINE,
    "\t": Stroke.TAB,
    "\x7f": Stroke.BACKSPACE,
    "\x08": Stroke.BACKSPACE,
}
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\x1b\[O])", re.DOTALL)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")


class Decoder:
    """Bytes as they are read, to presses. A sequence, a character or a paste may come in pieces."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._paste: str | None = None

    @property
    def waits(self) -> bool:
        """An escape character has come: alone it is the Esc key, but more may follow it."""
        return self._paste is None and bool(self._rest)

    def feed(self, data: bytes) -> list[Press]:
        """What is pressed with these bytes."""
        self._rest += self._utf8.decode(data)
        presses = []
        while self._rest:
            press, length = self._next()
            if length == 0:
                break
            self._rest = self._rest[length:]
            presses += [press] if press else []
        return presses

    def flush(self) -> list[Press]:
        """Nothing follows: an escape character that waits was the key."""
        waited, self._rest = self._rest, ""
        return [Press(Stroke.ESCAPE)] if waited == "\x1b" else []

    def _next(self) -> tuple[Press | None, int]:
        """The first press, and how many characters it takes; 0: more must come."""
        if self._paste is not None:
            return self._pasted(self._paste)
        head = self._rest[0]
        if head == "\x1b":
            return self._sequence()
        if text := _TEXT.match(self._rest):
            return Press(Stroke.TEXT, text[0]), text.end()
        if stroke := _SINGLE.get(head):
            return Press(stroke), 1
        return Press(Stroke.CONTROL, chr(ord(head) + 0x60)), 1

    def _sequence(self) -> tuple[Press | None, int]:
        if _BEGUN.match(self._rest):
            return None, 0
        found = _SEQUENCE.match(self._rest)
        if found is None:  # an escape character before another one
            return Press(Stroke.ESCAPE), 1
        if found[0] == "\x1b[200~":
            self._paste = ""
        stroke = _SEQUENCES.get(found[0])
        return Press(stroke) if stroke else None, found.end()

    def _pasted(self, paste: str) -> tuple[Press | None, int]:
        end = self._rest.find(PASTE_ENDS)
        if end < 0:
            sure = max(len(self._rest) - len(PASTE_ENDS) + 1, 0)
            self._paste = (paste + self._rest[:sure])[:LONGEST_PASTE]
            return None, sure
        self._paste = None
        whole = (paste + self._rest[:end])[:LONGEST_PASTE]
        text = whole.replace("\r\n", "\n").replace("\r", "\n")
        return Press(Stroke.PASTE, text), end + len(PASTE_ENDS)


def at_hand(stdin: TextIO) -> bool:
    """Is there somebody at this terminal: is it one, and do its keys come to us rather than to another job?"""
    try:
        return stdin.isatty() and os.tcgetpgrp(stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextmanager
def one_by_one(fd: int) -> Iterator[None]:
    """Keys come as they are pressed, all of them but those of signals, and are not echoed; output stays as it was."""
    before = termios.tcgetattr(fd)
    now = termios.tcgetattr(fd)
    now[0] &= ~(termios.ICRNL | termios.IXON)
    now[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    now[6][termios.VQUIT] = bytes([os.fpathconf(fd, "PC_VDISABLE") & 0xFF])
    termios.tcsetattr(fd, termios.TCSANOW, now)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(fd, termios.TCSANOW, before)


class Keyboard:
    """Reads what is pressed. The terminal's modes are the caller's affair.

    Args:
        fd: of the terminal.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = Decoder()

    async def presses(self) -> list[Press]:
        """The next ones; `GONE` when the terminal is."""
        if not (data := await self._read()):
            return [Press(Stroke.GONE)]
        presses = self._decoder.feed(data)
        if self._decoder.waits:
            with trio.move_on_after(ESCAPE_SECONDS) as waiting:
                presses += self._decoder.feed(await self._read())
            presses += self._decoder.flush() if waiting.cancelled_caught else []
        return presses

    async def _read(self) -> bytes:
        await trio.lowlevel.wait_readable(self._fd)
        try:
            return os.read(self._fd, 4096)
        except OSError:
            return b""
