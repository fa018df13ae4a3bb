"""Lines to rows: text is broken between words, code wherever a row ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

from .clusters import cut, width
from .spans import Look, Row, Span

_PIECES = re.compile(r"\s+|\S+")


def wrap(line: Iterable[Span], columns: int, hang: int = 0) -> list[Row]:
    """The rows of a line of words; a word that is wider than a row is cut.

    Args:
        hang: so far the second row and those after it are indented.
    """
    rows = _Rows(columns, min(hang, max(columns - 2, 0) // 2))
    for word in _words(line):
        rows.word(word)
    return rows.all


def chop(line: Iterable[Span], columns: int, hang: int = 0) -> list[Row]:
    """The rows of a line in which every space counts."""
    rows = _Rows(columns, min(hang, max(columns - 2, 0) // 2))
    for span in line:
        rows.put(span)
    return rows.all


def clip(line: Iterable[Span], columns: int) -> Row:
    """One row of it; an ellipsis says that there is more."""
    spans = tuple(line)
    if _width(spans) <= columns:
        return spans
    kept, room = [], max(columns - 1, 0)
    for span in spans:
        text, rest = cut(span.text, room)
        kept.append(Span(text, span.look))
        room -= width(text)
        if rest:
            break
    return (*kept, Span("…", Look.DIM))


@attrs.define
class _Rows:
    columns: int
    hang: int
    done: list[Row] = attrs.field(factory=list)
    row: list[Span] = attrs.field(factory=list)
    used: int = 0
    blank: Sequence[Span] = ()
    """Between the last word and the next; at the end of a row nobody sees it."""

    @property
    def all(self) -> list[Row]:
        return [*self.done, tuple(self.row)]

    def word(self, word: Sequence[Span]) -> None:
        if word[0].text.isspace():
            self.blank = word
            return
        size = _width((*self.blank, *word))
        if self.used > (self.hang if self.done else 0) and self.used + size > self.columns:
            self.next()
            size = _width(word)
        if self.used + size <= self.columns:
            self.row += (*self.blank, *word)
            self.used += size
        else:
            for span in word:
                self.put(span)
        self.blank = ()

    def put(self, span: Span) -> None:
        text = span.text
        while text:
            head, rest = cut(text, self.columns - self.used)
            if not head and self.used > self.hang:
                self.next()
                continue
            head, text = (head, rest) if head else (text[:1], text[1:])
            self.row.append(Span(head, span.look))
            self.used += width(head)

    def next(self) -> None:
        self.done.append(tuple(self.row))
        self.row = [Span(" " * self.hang)] if self.hang else []
        self.used, self.blank = self.hang, ()


def _width(spans: Iterable[Span]) -> int:
    return sum(width(span.text) for span in spans)


def _words(line: Iterable[Span]) -> Iterator[list[Span]]:
    """Words and the blanks between them; a word may have several looks."""
    word: list[Span] = []
    for span in line:
        for piece in _PIECES.findall(span.text):
            if word and piece.isspace() != word[0].text.isspace():
                yield word
                word = []
            word.append(Span(piece, span.look))
    if word:
        yield word
