"""A line that is typed: keys go in, text and the place of the cursor come out. It may have several lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from .clusters import clusters, cut, width
from .keyboard import Press, Stroke
from .spans import Look, Row, Span
from .text import harmless

LONGEST = 1024 * 1024  # characters
REMEMBERED = 100  # lines


@attrs.frozen
class Drawn:
    """`cursor`: its row among these, and its column."""

    rows: list[Row]
    cursor: tuple[int, int]


@attrs.define
class Editor:
    """`at`: the cursor stands before the character of this number; it is never within a cluster."""

    text: str = ""
    at: int = 0
    _past: list[str] = attrs.field(factory=list)
    _back: int = 0
    """How far back in the past the text is from; 0: it is being written."""
    _draft: str = ""

    def fill(self, text: str) -> None:
        """Begin with this text, the cursor at its end."""
        self.text, self.at, self._back = text, len(text), 0

    def take(self) -> str:
        """The text, which is part of the past now; a new line begins."""
        text = self.text
        if text.strip() and (not self._past or self._past[-1] != text):
            self._past = [*self._past, text][-REMEMBERED:]
        self.fill("")
        return text

    def press(self, press: Press) -> None:
        """A key; those that edit nothing do nothing."""
        match press:
            case Press(Stroke.TEXT | Stroke.PASTE, text):
                self._insert(text)
            case Press(Stroke.NEWLINE):
                self._insert("\n")
            case Press(Stroke.CONTROL, letter) if letter in _CONTROLS:
                _CONTROLS[letter](self)
            case Press(stroke) if stroke in _STROKES:
                _STROKES[stroke](self)

    def drawn(self, sign: str, columns: int, height: int, hidden: str = "") -> Drawn:
        """Its rows around the cursor.

        Args:
            sign: stands before the first one.
            height: at most so many.
            hidden: what stands there while nothing is written.
        """
        rows, cursor = _laid_out(self.text, self.at, columns - width(sign))
        first = max(0, min(cursor[0] - height + 1, len(rows) - height))
        seen = [
            (Span(sign if number == 0 else " " * width(sign), Look.PROMPT), Span(row))
            for number, row in enumerate(rows)
        ][first : first + height]
        if not self.text:
            seen = [(Span(sign, Look.PROMPT), Span(cut(hidden, columns - width(sign))[0], Look.DIM))]
        return Drawn(list(seen), (cursor[0] - first, cursor[1] + width(sign)))

    # What keys do

    def _insert(self, text: str) -> None:
        text = text[: LONGEST - len(self.text)]
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def _cut(self, start: int, end: int) -> None:
        self.text, self.at = self.text[:start] + self.text[end:], start

    def backspace(self) -> None:
        self._cut(self._left(), self.at)

    def delete(self) -> None:
        self._cut(self.at, self._right())

    def left(self) -> None:
        self.at = self._left()

    def right(self) -> None:
        self.at = self._right()

    def home(self) -> None:
        self.at = self.text.rfind("\n", 0, self.at) + 1

    def end(self) -> None:
        self.at = self._line_end()

    def word_left(self) -> None:
        self.at = self._word_start()

    def word_right(self) -> None:
        rest = self.text[self.at :]
        blanks = len(rest) - len(rest.lstrip())
        self.at += blanks + len((rest.lstrip().split(maxsplit=1) or [""])[0])

    def cut_before(self) -> None:
        start = self.text.rfind("\n", 0, self.at) + 1
        self._cut(start, self.at)

    def cut_after(self) -> None:
        end = self._line_end()
        self._cut(self.at, end + 1 if end == self.at < len(self.text) else end)

    def cut_word(self) -> None:
        self._cut(self._word_start(), self.at)

    def up(self) -> None:
        """A line up; from the first one to what was written before."""
        start = self.text.rfind("\n", 0, self.at) + 1
        if start:
            self.at = min(self.text.rfind("\n", 0, start - 1) + 1 + self.at - start, start - 1)
        else:
            self._recall(self._back + 1)

    def down(self) -> None:
        end = self._line_end()
        if end < len(self.text):
            column = self.at - (self.text.rfind("\n", 0, self.at) + 1)
            following = self.text.find("\n", end + 1)
            self.at = min(end + 1 + column, len(self.text) if following < 0 else following)
        else:
            self._recall(self._back - 1)

    def _recall(self, back: int) -> None:
        if not 0 <= back <= len(self._past):
            return
        if self._back == 0:
            self._draft = self.text
        self.fill(self._past[-back] if back else self._draft)
        self._back = back

    def _left(self) -> int:
        before = [len(cluster) for cluster, _ in clusters(self.text[: self.at])]
        return self.at - (before[-1] if before else 0)

    def _right(self) -> int:
        following = next(clusters(self.text[self.at : self.at + 100]), ("", 0))
        return self.at + len(following[0])

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _word_start(self) -> int:
        before = self.text[: self.at].rstrip()
        return len(before) - len((before.rsplit(maxsplit=1) or [""])[-1])


_STROKES: Mapping[Stroke, Callable[[Editor], None]] = {
    Stroke.BACKSPACE: Editor.backspace,
    Stroke.DELETE: Editor.delete,
    Stroke.LEFT: Editor.left,
    Stroke.RIGHT: Editor.right,
    Stroke.HOME: Editor.home,
    Stroke.END: Editor.end,
    Stroke.UP: Editor.up,
    Stroke.DOWN: Editor.down,
    Stroke.WORD_LEFT: Editor.word_left,
    Stroke.WORD_RIGHT: Editor.word_right,
    Stroke.CUT_WORD: Editor.cut_word,
}
_CONTROLS: Mapping[str, Callable[[Editor], None]] = {
    "a": Editor.home,
    "b": Editor.left,
    "d": Editor.delete,
    "e": Editor.end,
    "f": Editor.right,
    "k": Editor.cut_after,
    "n": Editor.down,
    "p": Editor.up,
    "u": Editor.cut_before,
    "w": Editor.cut_word,
}


def _laid_out(text: str, at: int, columns: int) -> tuple[list[str], tuple[int, int]]:
    """Its rows, and the cursor's row and column. A row that is full leaves the cursor to the next one."""
    rows, used, cursor, place = [""], 0, (0, 0), 0
    for cluster, _ in clusters(text):
        if place == at:
            cursor = (len(rows) - 1, used)
        place += len(cluster)
        if cluster == "\n":
            rows, used = [*rows, ""], 0
            continue
        shown = harmless(cluster).replace("\t", " ")
        if used + width(shown) > columns - 1:
            if place - len(cluster) == at:
                cursor = (len(rows), 0)
            rows, used = [*rows, ""], 0
        rows[-1] += shown
        used += width(shown)
    return rows, (len(rows) - 1, used) if place == at else cursor
