"""Text with its look. What is to be seen is made of these; how it is painted is the painter's."""

from __future__ import annotations

import enum

import attrs


class Look(enum.Enum):
    """What a piece of text is, as the eye should take it."""

    PLAIN = enum.auto()
    DIM = enum.auto()
    STRONG = enum.auto()
    PROMPT = enum.auto()
    TOOL = enum.auto()
    GOOD = enum.auto()
    BAD = enum.auto()
    ASKS = enum.auto()
    KEY = enum.auto()


@attrs.frozen
class Span:
    text: str
    look: Look = Look.PLAIN
