"""Where the cursor stands, and when an empty line sets things apart. Nothing that was shown is ever taken back."""

from __future__ import annotations

import enum

import attrs

from .spans import Look, Span
from .text import one_line


class Block(enum.Enum):
    """Blocks of different kinds are set apart by an empty line."""

    NONE = enum.auto()
    PROMPT = enum.auto()
    TEXT = enum.auto()
    THOUGHT = enum.auto()
    WORK = enum.auto()
    END = enum.auto()


@attrs.define
class Layout:
    """The end of what is shown so far."""

    fresh: bool = True
    """The cursor is at the start of a line."""
    block: Block = Block.NONE

    def begin(self, block: Block, *, apart: bool = False) -> list[Span]:
        """Close the line that is open; an empty line before another kind of block, or before each one that is apart."""
        spans = self.end_line()
        if self.block is not Block.NONE and (apart or block is not self.block):
            spans.append(Span("\n"))
        self.block = block
        return spans

    def end_line(self) -> list[Span]:
        if self.fresh:
            return []
        self.fresh = True
        return [Span("\n")]

    def put(self, text: str, look: Look = Look.PLAIN) -> Span:
        """Text at the cursor."""
        if text:
            self.fresh = text.endswith("\n")
        return Span(text, look)

    def aside(self, words: str) -> list[Span]:
        """A remark on a line of its own."""
        return [*self.begin(Block.WORK), Span(f"· {one_line(words)}\n", Look.DIM)]
