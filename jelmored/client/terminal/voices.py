"""How a conversation is told: to a person, as an answer with the rest aside, or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol, TextIO

from jelmored.client.outputs import ConnectionLost, Output
from jelmored.domain.events import DeltaKind, Event, EventType, Said
from jelmored.domain.permissions import Approval
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta

from .amounts import duration
from .painter import Painter
from .spans import Look, Span
from .text import harmless, harmless_json
from .transcript import Transcript

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Voice(Protocol):
    """Told in turn what is to be shown."""

    def head(self) -> None:
        """Which session this is."""

    def tell(self, output: Output) -> None:
        """What came out of it."""

    def ask(self, approval: Approval) -> None:
        """Keys are awaited that answer this."""

    def answered(self, words: str) -> None:
        """An answer is given without a key."""

    def aside(self, words: str) -> None:
        """A remark."""

    def pulse(self, tick: int, seconds: float) -> None:
        """The agent works, and nothing is to be seen of it."""


class Told:
    """To a person."""

    def __init__(self, painter: Painter, transcript: Transcript) -> None:
        self._painter = painter
        self._transcript = transcript

    def head(self) -> None:
        self._painter.paint(self._transcript.head())

    def tell(self, output: Output) -> None:
        if spans := self._transcript.tell(output):
            self._painter.paint(spans)

    def ask(self, approval: Approval) -> None:
        self._painter.paint(self._transcript.ask(approval))

    def answered(self, words: str) -> None:
        self._painter.paint(self._transcript.answered(words))

    def aside(self, words: str) -> None:
        self._painter.paint(self._transcript.aside(words))

    def pulse(self, tick: int, seconds: float) -> None:
        if self._painter.moves and self._transcript.fresh:
            sign = FRAMES[tick % len(FRAMES)]
            self._painter.passing([Span(f"{sign} {duration(seconds)} · Esc stops, Ctrl-D leaves", Look.DIM)])


class Answer(Told):
    """The answer on one stream, whole and at the end; the rest to a person on the other."""

    def __init__(self, painter: Painter, transcript: Transcript, out: TextIO) -> None:
        super().__init__(painter, transcript)
        self._out = out
        self._last: Event | None = None
        self._aside = True
        """The last that was said is among the rest already."""

    def tell(self, output: Output) -> None:
        match output:
            case SessionDelta(kind=DeltaKind.TEXT):
                return
            case Event(event_type=EventType.ASSISTANT, metadata=Said(parent_tool_use_id=None)):
                self._not_yet()
                self._last, self._aside = output, False
            case Event(event_type=EventType.TURN_ENDED):
                self._say()
                super().tell(output)
            case Event(event_type=EventType.TOOL_USE):
                self._not_yet()
                super().tell(output)
            case _:
                super().tell(output)

    def _not_yet(self) -> None:
        """The turn goes on: what was said last was not the answer."""
        if self._last is not None and not self._aside:
            super().tell(self._last)
            self._aside = True

    def _say(self) -> None:
        if self._last is not None:
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


class JsonLines:
    """To a program: an object a line, whose only member says what it is."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def head(self) -> None:
        """Nothing: events say which session they are of."""

    def tell(self, output: Output) -> None:
        line = json.dumps({MEMBERS[type(output)]: codec.to_json(output)}, ensure_ascii=False)
        self._out.write(harmless_json(line) + "\n")
        self._out.flush()

    def ask(self, approval: Approval) -> None:
        """Nobody is asked here."""

    def answered(self, words: str) -> None:
        """Its event says so."""

    def aside(self, words: str) -> None:
        """For people."""

    def pulse(self, tick: int, seconds: float) -> None:
        """For people."""
