"""A conversation on a terminal that can't take back what it shows: a line is told when it is whole, and what is asked
when it changes."""

from __future__ import annotations

from collections.abc import Sequence

from .live import Live
from .spans import Look, Row, Span

ROOM = 200  # rows of what is asked


class Teletype(Live):
    """As `Live`, without a region."""

    _asked: Sequence[Row] = ()
    _typed: tuple[str, str] | None = None
    """What stands in the line that the cursor is in."""

    def redraw(self) -> None:
        """What was shown stays as it is."""

    def settle(self) -> None:
        self._asked = self.desk.asked(self._size.columns - 1, ROOM)
        self.draw()
        if self._typed is not None:
            self._painter.write("\n")
            self._typed = None

    def draw(self) -> None:
        rows, asked = self._flow.take(), self.desk.asked(self._size.columns - 1, ROOM)
        news = [*rows, *(asked if asked != self._asked else [])]
        self._asked = asked
        if news and self._typed is not None:
            self._painter.write("\n")
            self._typed = None
        for row in news:
            self._painter.paint((*row, Span("\n")))
        self._echo(self.desk.typed)

    def _echo(self, typed: tuple[str, str] | None) -> None:
        """What was typed since; what was not only typed but changed stands in a line of its own."""
        before, self._typed = self._typed, typed
        if before is not None and (typed is None or typed[0] != before[0] or not typed[1].startswith(before[1])):
            self._painter.write("\n")
            before = None
        if typed is not None and typed != before:
            sign, known = (typed[0], "") if before is None else ("", before[1])
            self._painter.paint([Span(sign, Look.PROMPT), Span(typed[1][len(known) :])])
