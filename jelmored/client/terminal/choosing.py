"""An agent's questions, answered one after the other: which options are chosen, and what the next key does."""

from __future__ import annotations

import attrs

from jelmored.domain.permissions import Approval, Question

from .keyboard import Press, Stroke
from .questions import BAR
from .spans import Look, Row, Span
from .text import one_line
from .wrapping import clip, wrap

MOVES = {Stroke.UP: -1, Stroke.DOWN: 1}


@attrs.define
class Choosing:
    """Sans I/O. `done` once the last question is answered.

    Args:
        approval: of kind `question`, with one question at least.
    """

    approval: Approval
    done: bool = False
    _at: int = 0
    _cursor: int = 0
    _chosen: dict[str, list[str]] = attrs.field(factory=dict)

    @property
    def question(self) -> Question:
        """The one that is asked now."""
        return self.approval.questions[self._at]

    @property
    def answers(self) -> dict[str, tuple[str, ...]]:
        """By the questions' ids: labels of options, or words of one's own."""
        return {key: tuple(words) for key, words in self._chosen.items()}

    def press(self, press: Press) -> None:
        """A key; those that mean nothing here do nothing."""
        match press:
            case Press(Stroke.UP | Stroke.DOWN as stroke):
                self._cursor = (self._cursor + MOVES[stroke]) % max(len(self.question.options), 1)
            case Press(Stroke.LEFT | Stroke.BACKSPACE) if self._at:
                self._turn_to(self._at - 1)
            case Press(Stroke.TEXT, " "):
                self._toggle(self._cursor)
            case Press(Stroke.TEXT, digit) if digit in {*"123456789"}:
                self._pick(int(digit) - 1)
            case Press(Stroke.ENTER | Stroke.NEWLINE):
                self._confirm()

    def say(self, words: str) -> None:
        """An answer in words of one's own; beside what is chosen, where several may be."""
        labels = [option.label for option in self.question.options]
        kept = [word for word in self._words if word in labels] if self.question.multi_select else []
        self._chosen[self.question.id] = [*kept, words]
        self._next()

    def rows(self, columns: int, height: int) -> list[Row]:
        """The question and its options, at most so many rows: those around the cursor."""
        head = [(Span(text, Look.STRONG),) for text in self._head()]
        title = [row for line in head for row in wrap(line, columns - len(BAR))][: max(height - 4, 1)]
        options = [row for number in range(len(self.question.options)) for row in self._option(number, columns)]
        here = sum(len(self._option(number, columns)) for number in range(self._cursor))
        room = max(height - len(title), 1)
        first = max(0, min(here - room // 2, len(options) - room))
        return [(Span(BAR, Look.ASKS), *row) for row in (*title, *options[first : first + room])]

    def keys(self, columns: int) -> list[Row]:
        """What keys do now."""
        keys = [("Enter", "types an answer")]
        if self.question.options:
            several = self.question.multi_select
            toggles = [("Space", "toggles")] if several else []
            moves = [("1–9", "toggles" if several else "chooses"), ("↑↓", "moves"), *toggles]
            keys = [*moves, ("Enter", "confirms"), ("t", "types an answer")]
        keys.append(("n", "declines"))
        spans = [span for key, word in keys for span in (Span(key, Look.KEY), Span(f" {word}"), Span(" · ", Look.DIM))]
        return [(Span(BAR, Look.ASKS), *row) for row in wrap(spans[:-1], columns - len(BAR))]

    # What keys do

    def _pick(self, number: int) -> None:
        if number >= len(self.question.options):
            return
        self._cursor = number
        self._toggle(number)
        if not self.question.multi_select:
            self._next()

    def _toggle(self, number: int) -> None:
        if not self.question.options:
            return
        label = self.question.options[number].label
        if not self.question.multi_select:
            self._chosen[self.question.id] = [label]
        elif label in self._words:
            self._chosen[self.question.id] = [word for word in self._words if word != label]
        else:
            chosen = {*self._words, label}
            labels = [option.label for option in self.question.options]
            own = [word for word in self._words if word not in labels]
            self._chosen[self.question.id] = [*(word for word in labels if word in chosen), *own]

    def _confirm(self) -> None:
        """What is chosen; of a single choice what the cursor is at. Nothing at all is no answer."""
        if not self._words and not self.question.multi_select:
            self._toggle(self._cursor)
        if self._words:
            self._next()

    def _next(self) -> None:
        if self._at + 1 < len(self.approval.questions):
            self._turn_to(self._at + 1)
        else:
            self.done = True

    def _turn_to(self, number: int) -> None:
        self._at, self._cursor = number, 0

    @property
    def _words(self) -> list[str]:
        return self._chosen.get(self.question.id, [])

    # How it looks

    def _head(self) -> list[str]:
        count = len(self.approval.questions)
        number = f" ({self._at + 1} of {count})" if count > 1 else ""
        return [f"{one_line(self.question.header)}{number}", one_line(self.question.question)]

    def _option(self, number: int, columns: int) -> list[Row]:
        option = self.question.options[number]
        chosen = option.label in self._words
        sign = ("[x] " if chosen else "[ ] ") if self.question.multi_select else ""
        digit = f"{number + 1} " if number < 9 else "  "
        look = Look.CHOSEN if number == self._cursor else Look.PLAIN
        spans = [Span(f"  {digit}", Look.KEY), Span(sign), Span(one_line(option.label), look)]
        rows = [clip(spans, columns - len(BAR))]
        if option.description:
            rows += wrap([Span(f"    {one_line(option.description)}", Look.DIM)], columns - len(BAR), hang=4)[:2]
        return rows
