"""What is said, as rows: finished ones, which stay, and the line that is still being said."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .markdown import Line, fence_after, inline, line
from .spans import Look, Row, Span
from .text import harmless

OPEN_ROWS = 6  # of the line that is being said; of a longer one those that are full are let go
KEPT = 400  # lines that can be laid out again for another width


class Flow:
    """Told text as it comes, it gives rows.

    Args:
        columns: of the terminal.
        marked: light markdown is shown as what it means.
    """

    def __init__(self, columns: int, *, marked: bool) -> None:
        self.columns = columns
        self._marked = marked
        self._carried: Row = ()
        """The last row of what was let go of the line that is open."""
        self._open: list[Span] = []
        self._size = 0
        self._fence: str | None = None
        self._kept: deque[Line] = deque(maxlen=KEPT)
        self._rows: list[Row] = []

    def add(self, spans: Iterable[Span]) -> None:
        """The next pieces of text."""
        for span in spans:
            head, *lines = span.text.replace("\r\n", "\n").split("\n")
            self._put(head, span.look)
            for text in lines:
                self._end(span.look)
                self._put(text, span.look)

    def take(self) -> list[Row]:
        """The rows that were finished since this was last asked."""
        if self._size > OPEN_ROWS * self.columns:
            self._let_go()
        rows, self._rows = self._rows, []
        return rows

    def open(self) -> list[Row]:
        """The line that is being said."""
        return self._line().rows(self.columns) if self._size else []

    def resized(self, columns: int) -> None:
        """From now on rows are of another width."""
        self.columns = columns

    def again(self, count: int) -> list[Row]:
        """The last finished rows, at most so many, laid out for the width of now."""
        rows: deque[Row] = deque()
        for kept in reversed(self._kept):
            if len(rows) >= count:
                break
            rows.extendleft(reversed(kept.rows(self.columns)))
        return list(rows)[-count:] if count > 0 else []

    def _put(self, text: str, look: Look) -> None:
        if text:
            self._open.append(Span(harmless(text).replace("\t", "    "), look))
            self._size += len(text)

    def _end(self, look: Look) -> None:
        """The line is over. Code that is open ends with the words that it stands in."""
        self._keep(self._line())
        prose = look is Look.PROSE and self._marked
        self._fence = fence_after(self._text, self._fence) if prose else None
        self._carried, self._open, self._size = (), [], 0

    def _keep(self, finished: Line) -> None:
        self._kept.append(finished)
        self._rows.extend(finished.rows(self.columns))

    def _line(self) -> Line:
        prose = self._marked and bool(self._open) and all(span.look is Look.PROSE for span in self._open)
        if self._carried:
            spans = inline(self._text) if prose and self._fence is None else self._open
            return Line((*self._carried, *spans), code=self._fence is not None)
        return line(self._text, self._fence) if prose else Line(tuple(self._open))

    @property
    def _text(self) -> str:
        return "".join(span.text for span in self._open)

    def _let_go(self) -> None:
        """The full rows of a long line; its last one stays open."""
        *full, last = self.open()
        for row in full:
            self._keep(Line(row, code=True))
        text = self._text
        blank = Span(text[len(text.rstrip()) :])
        self._carried, self._open, self._size = (*last, blank), [], sum(len(span.text) for span in last)
