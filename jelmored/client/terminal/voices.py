"""How a conversation is told: to a person, as an answer with the rest aside, or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from jelmored.client.outputs import ConnectionLost, Output
from jelmored.domain.events import DeltaKind, Event, EventType, Said
from jelmored.domain.permissions import Approval
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, ItemVoided, QueuedPrompt, SessionDelta

from .painter import Painter
from .text import harmless, harmless_json
from .transcript import Transcript


class Voice(Protocol):
    """Told in turn what is to be shown."""

    def head(self) -> None:
        """Which session this is."""

    def tell(self, output: Output) -> None:
        """What came out of it."""

    def asks(self, approvals: tuple[Approval, ...]) -> None:
        """These are open, and a person is to answer them, the oldest first."""

    def turn(self, since: float | None) -> None:
        """A turn runs since then, by Trio's clock; None: none runs."""

    def waiting(self, prompts: tuple[QueuedPrompt, ...]) -> None:
        """The queue as it is now."""

    def answered(self, words: str) -> None:
        """An answer is given without a key."""

    def aside(self, words: str) -> None:
        """A remark."""


class Unasked:
    """Whoever can't be asked, and needs no more than what is told."""

    def asks(self, approvals: tuple[Approval, ...]) -> None:
        """Nobody is asked here."""

    def turn(self, since: float | None) -> None:
        """Its events say so."""

    def waiting(self, prompts: tuple[QueuedPrompt, ...]) -> None:
        """Their events say so."""


class Told(Unasked):
    """To a person who reads."""

    def __init__(self, painter: Painter, transcript: Transcript) -> None:
        self._painter = painter
        self._transcript = transcript

    def head(self) -> None:
        self._painter.paint(self._transcript.head())

    def tell(self, output: Output) -> None:
        if spans := self._transcript.tell(output):
            self._painter.paint(spans)

    def answered(self, words: str) -> None:
        self._painter.paint(self._transcript.answered(words))

    def aside(self, words: str) -> None:
        self._painter.paint(self._transcript.aside(words))


class Answer:
    """The answer on a stream of its own, whole and at the end; the rest by another voice.

    Args:
        settle: called before the answer is written: both may end at one terminal.
    """

    def __init__(self, rest: Voice, out: TextIO, settle: Callable[[], None] = lambda: None) -> None:
        self._rest = rest
        self._out = out
        self._settle = settle
        self._last: Event | None = None
        self._aside = True
        """The last that was said is among the rest already."""
        self.head, self.asks, self.turn, self.waiting = rest.head, rest.asks, rest.turn, rest.waiting
        self.answered, self.aside = rest.answered, rest.aside

    def tell(self, output: Output) -> None:
        match output:
            case SessionDelta(kind=DeltaKind.TEXT):
                return
            case Event(event_type=EventType.ASSISTANT, metadata=Said(parent_tool_use_id=None)):
                self._not_yet()
                self._last, self._aside = output, False
            case Event(event_type=EventType.TURN_ENDED):
                self._say()
                self._rest.tell(output)
            case Event(event_type=EventType.TOOL_USE):
                self._not_yet()
                self._rest.tell(output)
            case _:
                self._rest.tell(output)

    def _not_yet(self) -> None:
        """The turn goes on: what was said last was not the answer."""
        if self._last is not None and not self._aside:
            self._rest.tell(self._last)
            self._aside = True

    def _say(self) -> None:
        if self._last is not None:
            self._settle()
            self._out.write(harmless(self._last.content).rstrip("\n") + "\n")
            self._out.flush()
            self._last = None


MEMBERS: Mapping[type, str] = {
    Event: "event",
    SessionDelta: "delta",
    ItemVoided: "itemVoided",
    CaughtUp: "caughtUp",
    ConnectionLost: "connectionLost",
}


class JsonLines(Unasked):
    """To a program: an object a line, whose only member says what it is."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def head(self) -> None:
        """Nothing: events say which session they are of."""

    def tell(self, output: Output) -> None:
        line = json.dumps({MEMBERS[type(output)]: codec.to_json(output)}, ensure_ascii=False)
        self._out.write(harmless_json(line) + "\n")
        self._out.flush()

    def answered(self, words: str) -> None:
        """Its event says so."""

    def aside(self, words: str) -> None:
        """For people."""
