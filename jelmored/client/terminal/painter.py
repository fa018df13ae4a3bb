"""The only door to the terminal for what agents say: all text that passes is harmless, and its look is painted on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TextIO

import attrs

from .spans import Look, Span
from .text import harmless

STYLES: Mapping[Look, str] = {
    Look.PLAIN: "",
    Look.PROSE: "",
    Look.DIM: "2",
    Look.STRONG: "1",
    Look.CODE: "36",
    Look.PROMPT: "1;36",
    Look.TOOL: "36",
    Look.GOOD: "32",
    Look.BAD: "31",
    Look.ASKS: "1;33",
    Look.KEY: "1",
    Look.CHOSEN: "7",
}
"""SGR parameters."""
DUMB = frozenset({"", "dumb", "unknown"})
COLUMNS, LINES = 80, 24


@attrs.frozen
class Size:
    columns: int
    lines: int


class Painter:
    """Paints on one stream. `NO_COLOR`, a dumb terminal and a file get what they can take.

    Args:
        file: where to.
        environ: says what the terminal can do.
    """

    def __init__(self, file: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._file = file
        self._environ = environ
        self.moves = file.isatty() and environ.get("TERM", "") not in DUMB
        """Can what was painted be taken back?"""
        self._colours = self.moves and not environ.get("NO_COLOR")

    @property
    def marks(self) -> bool:
        """Can bold and code be told from other text?"""
        return self._colours

    @property
    def columns(self) -> int:
        return self.size.columns

    @property
    def size(self) -> Size:
        """Of the terminal, as it is now."""
        try:
            size = os.get_terminal_size(self._file.fileno())
        except (OSError, ValueError):
            given = self._environ.get("COLUMNS", "")
            return Size(int(given) if given.isdigit() and int(given) else COLUMNS, LINES)
        return Size(size.columns or COLUMNS, size.lines or LINES)

    def paint(self, spans: Iterable[Span]) -> None:
        """Put it where the cursor is."""
        self.write(self.dressed(spans))

    def dressed(self, spans: Iterable[Span]) -> str:
        """As the terminal takes it: this is where text becomes harmless."""
        looks = groupby(spans, key=lambda span: span.look)
        return "".join(self._dressed("".join(span.text for span in alike), look) for look, alike in looks)

    def write(self, painted: str) -> None:
        """What was dressed, and our own escape sequences: nothing else goes through here."""
        self._file.write(painted)
        self._file.flush()

    def _dressed(self, said: str, look: Look) -> str:
        text, style = harmless(said), self._style(look)
        if not style:
            return text
        return "\n".join(f"\x1b[{style}m{line}\x1b[0m" if line else "" for line in text.split("\n"))

    def _style(self, look: Look) -> str:
        if not self.moves:
            return ""
        style = STYLES[look]
        return style if self._colours else ";".join(part for part in style.split(";") if not part.startswith("3"))
