"""The only door to the terminal for what agents say: all text that passes is harmless, and its look is painted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

from .spans import Look, Span
from .text import harmless

STYLES: Mapping[Look, str] = {
    Look.PLAIN: "",
    Look.DIM: "dim",
    Look.STRONG: "bold",
    Look.PROMPT: "bold cyan",
    Look.TOOL: "cyan",
    Look.GOOD: "green",
    Look.BAD: "red",
    Look.ASKS: "bold yellow",
    Look.KEY: "bold",
}
ERASE_LINE = "\r\x1b[K"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever called decides how to end."""
        raise BrokenPipeError


class Painter:
    """Paints on one stream. `NO_COLOR`, a dumb terminal and a file get what they can take.

    Args:
        file: where to.
    """

    def __init__(self, file: TextIO) -> None:
        self._console = _Console(file=file, highlight=False, markup=False, emoji=False)
        self._passing = False

    @property
    def columns(self) -> int:
        return self._console.width

    @property
    def moves(self) -> bool:
        """Can what was painted be taken back?"""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def paint(self, spans: Iterable[Span]) -> None:
        """Put it where the cursor is."""
        self._take_back()
        self._print(spans)

    def passing(self, spans: Iterable[Span]) -> None:
        """A line that is gone with the next thing that is painted. Only where `moves`, and at a line's start."""
        self._take_back()
        self._print(spans)
        self._passing = True

    def _take_back(self) -> None:
        if self._passing:
            self._console.file.write(ERASE_LINE)
            self._passing = False

    def _print(self, spans: Iterable[Span]) -> None:
        text = Text.assemble(*((harmless(span.text), STYLES[span.look]) for span in spans))
        self._console.print(text, end="", soft_wrap=True)
        self._console.file.flush()
