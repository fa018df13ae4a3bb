"""What the person at the keys is at: an approval, a question, a line that is typed. A key goes in, a wish comes out."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import Approval, ApprovalKind, OptionKind

from .choosing import Choosing
from .editor import Drawn, Editor
from .keyboard import Press, Stroke
from .questions import BAR, asked, keyed, keys_of, option_of
from .spans import Look, Row, Span
from .wrapping import clip

_CUT = re.compile(r"\[cut: \d+ bytes in all\]\Z")
"""What a text ends with that was too long to be kept whole."""


@attrs.frozen(kw_only=True)
class Decide:
    """An approval is to be resolved so; without an option and answers, it is declined."""

    approval: Approval
    option_id: str | None = None
    answers: Mapping[str, tuple[str, ...]] | None = None
    message: str | None = None
    updated_input: Mapping[str, Any] | None = None

    @property
    def words(self) -> str | None:
        """What is said beside the option, or instead of one."""
        return "; ".join(map(", ".join, self.answers.values())) if self.answers is not None else self.message


@attrs.frozen
class Say:
    """A prompt; `steer`: into the turn that runs, instead of after it."""

    text: str
    steer: bool = False


@attrs.frozen
class Remark:
    """To the person at the keys."""

    words: str


@attrs.frozen
class ShowAll:
    """All of what is asked."""

    approval: Approval


class Do(enum.Enum):
    INTERRUPT = enum.auto()
    LEAVE = enum.auto()
    OPEN = enum.auto()
    """The last tool; again: the one before."""
    HELP = enum.auto()
    REDRAW = enum.auto()


Wish = Decide | Say | Remark | ShowAll | Do

HELP = """\
y a n     allow, allow always, reject        r  reject and say why
e         edit what is asked, then allow it  d  show all of it
1–9       a question's options, or an approval's further ones
i, Enter  open the input line                Esc  close it; else stop the turn
Enter     send; while a turn runs it waits   Ctrl-S  send it into that turn
Ctrl-J    a new line (Alt-Enter too)         ↑ ↓  what you said before
@path     include a file; images and PDFs by their path alone
/command  goes to the agent as it is
o         open the last tool, again the one before (Ctrl-O while you type)
Ctrl-C    stop the turn, twice: leave        Ctrl-Z  suspend jelmore
Ctrl-D    leave; the turn goes on            ?  this
"""
"""What `?` shows, and the documentation."""


class Purpose(enum.Enum):
    """What a line is typed for, and the sign before it."""

    SAY = "› "
    REASON = "why not: "
    EDIT = "edit: "
    ANSWER = "answer: "


class Desk:
    """Sans I/O.

    Args:
        home: the user's home directory.
        stays: whoever is here stays after a turn, so the input line is open whenever nothing runs.
        escape: what Esc does where an approval is asked; None: that is said elsewhere.
    """

    def __init__(self, home: str, *, stays: bool, escape: str | None = "stop the turn") -> None:
        self._home = home
        self._escape_does = escape
        self._stays = stays
        self._said = Editor()
        self._other = Editor()
        self._purpose: Purpose | None = None
        self._open: dict[ApprovalId, Approval] = {}
        self._choosing: Choosing | None = None
        self._insists = False
        """A line is wanted though something is asked."""
        self._busy = True
        """A turn runs, or it is not known yet."""

    # What happens

    def turn(self, *, runs: bool) -> None:
        """A turn has begun or ended, or that is known now."""
        self._busy = runs
        if self._purpose in {None, Purpose.SAY} and not self._said.text:
            self._purpose = Purpose.SAY if self._stays and not runs else None

    def asks(self, approvals: tuple[Approval, ...]) -> None:
        """These are open, the oldest first."""
        before = self.approval
        self._open = {approval.approval_id: approval for approval in approvals}
        if self.approval != before:
            self._choosing, self._insists = _choosing(self.approval), False
            if self._purpose in {Purpose.REASON, Purpose.EDIT, Purpose.ANSWER}:
                self._purpose = None

    @property
    def approval(self) -> Approval | None:
        """The one that keys answer."""
        return next(iter(self._open.values()), None)

    def refill(self, text: str) -> None:
        """What was said could not be sent."""
        if not self._said.text:
            self._said.fill(text)
            self._purpose = Purpose.SAY

    def clear(self) -> bool:
        """Throw away what is being typed; False if there is nothing."""
        typed = self._purpose is not None and bool(self._editor.text)
        if typed:
            self._editor.fill("")
        return typed

    # Keys

    def press(self, press: Press) -> Wish | None:
        """What a key asks for, if it is not only for us."""
        match press:
            case Press(Stroke.GONE):
                return Do.LEAVE
            case Press(Stroke.CONTROL, "d") if self._purpose is None or not self._editor.text:
                return Do.LEAVE
            case Press(Stroke.CONTROL, "o"):
                return Do.OPEN
            case Press(Stroke.CONTROL, "l"):
                return Do.REDRAW
        if self._types:
            return self._type(press)
        return self._each(press.text) if press.stroke is Stroke.TEXT else self._one(press)

    @property
    def _types(self) -> bool:
        """Keys are text. An approval that comes takes them, unless somebody is in the middle of a line."""
        if self._purpose is Purpose.SAY:
            return bool(self._said.text) or self.approval is None or self._insists
        return self._purpose is not None

    @property
    def _editor(self) -> Editor:
        return self._said if self._purpose is Purpose.SAY else self._other

    def _each(self, text: str) -> Wish | None:
        """Keys that came at once. After the first that asks for something the others are let go: nobody has seen yet
        what it did. After one that opens a line they are typed."""
        for place, character in enumerate(text):
            if self._types:
                return self.press(Press(Stroke.TEXT, text[place:]))
            if wish := self._one(Press(Stroke.TEXT, character)):
                return wish
        return None

    def _one(self, press: Press) -> Wish | None:
        return self._single(press) if self._choosing is None else self._choose(self._choosing, press)

    def _single(self, press: Press) -> Wish | None:
        """A key that means something by itself."""
        match press:
            case Press(Stroke.ESCAPE):
                return Do.INTERRUPT
            case Press(Stroke.TEXT, "o"):
                return Do.OPEN
            case Press(Stroke.TEXT, "?"):
                return Do.HELP
            case Press(Stroke.PASTE):
                self._open_line()
                self._said.press(press)
            case Press(Stroke.ENTER | Stroke.NEWLINE) | Press(Stroke.TEXT, "i"):
                self._open_line()
            case Press(Stroke.TEXT, key) if self.approval is not None:
                return self._decide(self.approval, key.lower())
        return None

    def _decide(self, approval: Approval, key: str) -> Wish | None:
        options = dict(keyed(approval))
        if key in options:
            return Decide(approval=approval, option_id=options[key].option_id)
        if key == "d":
            return ShowAll(approval)
        if key == "r" and option_of(approval, OptionKind.REJECT_ONCE):
            self._begin(Purpose.REASON, "")
        if key == "e" and editable(approval):
            self._begin(Purpose.EDIT, _editable_text(approval))
        return None

    def _choose(self, choosing: Choosing, press: Press) -> Wish | None:
        match press:
            case Press(Stroke.ESCAPE) | Press(Stroke.TEXT, "n" | "N"):
                return _declined(choosing.approval)
            case Press(Stroke.TEXT, "?"):
                return Do.HELP
            case Press(Stroke.TEXT, "d"):
                return ShowAll(choosing.approval)
            case Press(Stroke.TEXT, "t"):
                self._begin(Purpose.ANSWER, "")
            case Press(Stroke.ENTER | Stroke.NEWLINE) if not choosing.question.options:
                self._begin(Purpose.ANSWER, "")
            case Press(Stroke.TEXT, "i"):
                self._open_line()
            case _:
                return self._answered(choosing, press)
        return None

    def _answered(self, choosing: Choosing, press: Press) -> Wish | None:
        choosing.press(press)
        return Decide(approval=choosing.approval, answers=choosing.answers) if choosing.done else None

    def _open_line(self) -> None:
        self._purpose, self._insists = Purpose.SAY, True

    def _begin(self, purpose: Purpose, text: str) -> None:
        self._purpose = purpose
        self._other.fill(text)

    def _type(self, press: Press) -> Wish | None:
        editor = self._editor
        match press:
            case Press(Stroke.ESCAPE):
                return self._escape()
            case Press(Stroke.ENTER):
                return self._entered(steer=False)
            case Press(Stroke.CONTROL, "s") if self._purpose is Purpose.SAY:
                return self._entered(steer=True)
            case Press(Stroke.TEXT, "?") if self._purpose is Purpose.SAY and not editor.text:
                return Do.HELP
        editor.press(press)
        return None

    def _escape(self) -> Wish | None:
        empty = self._purpose is Purpose.SAY and not self._said.text
        self._purpose, self._insists = None, False
        return Do.INTERRUPT if empty and self._busy else None

    def _entered(self, *, steer: bool) -> Wish | None:
        purpose, approval = self._purpose, self.approval
        if purpose is Purpose.SAY:
            return self._said_it(steer=steer)
        text = self._other.text
        if approval is None:
            self._purpose = None
            return None
        match purpose:
            case Purpose.EDIT:
                return self._edited(approval, text)
            case Purpose.ANSWER if self._choosing is not None and text.strip():
                self._purpose = None
                self._choosing.say(text.strip())
                return Decide(approval=approval, answers=self._choosing.answers) if self._choosing.done else None
            case Purpose.REASON:
                self._purpose = None
                option = option_of(approval, OptionKind.REJECT_ONCE)
                return Decide(
                    approval=approval, option_id=option.option_id if option else None, message=text.strip() or None
                )
        return None

    def _said_it(self, *, steer: bool) -> Wish | None:
        text = self._said.take()
        self._purpose, self._insists = None if self._busy else Purpose.SAY, False
        return Say(text.strip(), steer and self._busy) if text.strip() else None

    def _edited(self, approval: Approval, text: str) -> Wish:
        try:
            updated = _with_edit(approval, text)
        except ValueError as error:
            return Remark(f"that is no JSON object: {error}")
        self._purpose = None
        option = next(option for option in approval.options if option.kind is OptionKind.ALLOW_ONCE)
        return Decide(approval=approval, option_id=option.option_id, updated_input=updated)

    # How it looks

    def asked(self, columns: int, height: int) -> list[Row]:
        """What is asked, and what keys do: at most so many rows, or a few more on a very small screen."""
        hints = self._hints(columns)
        return [*self._wanted(columns, height - len(hints)), *hints]

    @property
    def typed(self) -> tuple[str, str] | None:
        """The sign before the line that is typed, and its text; None if no line is open."""
        return (self._purpose.value, self._editor.text) if self._purpose is not None and self._types else None

    def line(self, columns: int, height: int) -> Drawn | None:
        """The line that is typed, if one is open."""
        if self._purpose is None or not self._types:
            return None
        hidden = "" if self._purpose is not Purpose.SAY else "what is to be done?  ? shows the keys"
        return self._editor.drawn(self._purpose.value, columns, height, hidden)

    def _wanted(self, columns: int, height: int) -> list[Row]:
        if self.approval is None or height < 1:
            return []
        if self._choosing is not None:
            return self._choosing.rows(columns, height)
        return asked(self.approval, self._home, columns, height)

    def _hints(self, columns: int) -> list[Row]:
        if self.approval is not None and not self._types:
            if self._choosing is not None:
                return self._choosing.keys(columns)
            return keys_of(self.approval, columns, editable=editable(self.approval), escape=self._escape_does)
        words = self._hint()
        bar = [Span(BAR, Look.ASKS)] if self.approval is not None else []
        return [clip([*bar, Span(words, Look.DIM)], columns)] if words else []

    def _hint(self) -> str | None:
        match self._purpose:
            case Purpose.SAY if self.approval is not None and self._types:
                return "it waits for you: Esc, then its keys"
            case Purpose.SAY if self._busy:
                return "Enter sends it after the turn · Ctrl-S into the turn · Esc closes"
            case Purpose.REASON:
                return "Enter rejects, and the agent reads why · Esc goes back"
            case Purpose.EDIT:
                return "Enter allows it so · Ctrl-J a new line · Esc goes back"
            case Purpose.ANSWER:
                return "Enter answers · Esc goes back"
        return None


def editable(approval: Approval) -> bool:
    """Can what the tool gets be changed? Not where its input is no longer whole."""
    whole = approval.input and not any(
        isinstance(value, str) and _CUT.search(value) for value in approval.input.values()
    )
    return bool(whole) and approval.kind is ApprovalKind.PERMISSION and bool(option_of(approval, OptionKind.ALLOW_ONCE))


def _editable_text(approval: Approval) -> str:
    if approval.command is not None:
        return approval.command
    return json.dumps(approval.input, indent=2, ensure_ascii=False)


def _with_edit(approval: Approval, text: str) -> Mapping[str, Any]:
    if approval.command is not None:
        return {**(approval.input or {}), "command": text}
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("it has to begin with {")
    return value


def _choosing(approval: Approval | None) -> Choosing | None:
    questions = approval is not None and approval.kind is ApprovalKind.QUESTION and approval.questions
    return Choosing(approval) if approval is not None and questions else None


def _declined(approval: Approval) -> Decide:
    option = option_of(approval, OptionKind.REJECT_ONCE)
    return Decide(approval=approval, option_id=option.option_id if option else None)
