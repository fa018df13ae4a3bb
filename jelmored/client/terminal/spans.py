"""Text with its look. What is to be seen is made of these; how it is painted is the painter's."""

from __future__ import annotations

import enum

import attrs


class Look(enum.Enum):
    """What a piece of text is, as the eye should take it."""

    PLAIN = enum.auto()
    PROSE = enum.auto()
    """An agent's own words: light markdown is meant by them."""
    DIM = enum.auto()
    STRONG = enum.auto()
    CODE = enum.auto()
    PROMPT = enum.auto()
    TOOL = enum.auto()
    GOOD = enum.auto()
    BAD = enum.auto()
    ASKS = enum.auto()
    KEY = enum.auto()
    CHOSEN = enum.auto()


@attrs.frozen
class Span:
    text: str
    look: Look = Look.PLAIN


Row = tuple[Span, ...]
"""What stands in one row of a terminal: no newline in it, and no wider than the terminal."""
