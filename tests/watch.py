"""What a subscription has received, as it came, and how a test waits for what is still to come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio

PATIENCE = 20.0  # seconds that anything may take before a test fails

Json = dict[str, Any]


@attrs.frozen
class Note:
    """A notification. `raw`: the frame as it came; `time`: of the Trio clock, when it came."""

    method: str
    params: Json
    raw: str = attrs.field(repr=False)
    time: float

    @property
    def is_event(self) -> bool:
        return self.method == "session/event"


class Watch:
    """One subscription: the notifications of its session in the order in which they came.

    Every wait looks at what is there already, too, and fails after `PATIENCE` seconds with what did come.
    """

    def __init__(self, session_id: str, after: int | str) -> None:
        self.session_id = session_id
        self.after = after
        self.reply: Json = {}
        self.notes: list[Note] = []
        self._news = trio.Event()

    def add(self, note: Note) -> None:
        self.notes.append(note)
        self._news.set()
        self._news = trio.Event()

    @property
    def events(self) -> list[Json]:
        return [note.params for note in self.notes if note.is_event]

    @property
    def frames(self) -> dict[int, str]:
        """The events as they came, by their seq."""
        return {note.params["seq"]: note.raw for note in self.notes if note.is_event}

    def of_turn(self, turn: int, *types: str) -> list[Json]:
        """The events of a turn, of these types if any are named."""
        return [e for e in self.events if e["turn"] == turn and (not types or e["eventType"] in types)]

    def said(self, turn: int) -> str:
        """What the agent said in a turn."""
        return "".join(event["content"] for event in self.of_turn(turn, "assistant"))

    async def note(self, fits: Callable[[Note], bool], seconds: float = PATIENCE, *, after: int = 0) -> Note:
        """The first one that fits; `after`: not one of the first so many."""
        seen = after
        with trio.move_on_after(seconds):
            while True:
                for note in self.notes[seen:]:
                    if fits(note):
                        return note
                seen = len(self.notes)
                await self._news.wait()
        raise AssertionError(f"not within {seconds} s; what came: {self.summary()}")

    async def event(
        self, event_type: str, *, turn: int | None = None, after: int = 0, seconds: float = PATIENCE, **metadata: Any
    ) -> Json:
        """The first event of a type, in a turn, after a seq, with these values in its metadata."""

        def fits(note: Note) -> bool:
            event = note.params
            return (
                note.is_event
                and event["eventType"] == event_type
                and event["seq"] > after
                and (turn is None or event["turn"] == turn)
                and all(event["metadata"].get(key) == value for key, value in metadata.items())
            )

        return (await self.note(fits, seconds)).params

    async def delta(self, *, turn: int, count: int = 1, seconds: float = PATIENCE) -> Json:
        """The nth delta of a turn."""
        numbers = itertools.count(1)
        return (
            await self.note(
                lambda note: note.method == "session/delta" and note.params["turn"] == turn and next(numbers) == count,
                seconds,
            )
        ).params

    async def turn_over(self, turn: int, seconds: float = PATIENCE) -> Json:
        """The end of a turn, once the status after it has come as well."""
        ended = await self.event("turn_ended", turn=turn, seconds=seconds)
        await self.event("status_change", after=ended["seq"], seconds=seconds)
        return ended

    async def caught_up(self) -> Json:
        return (await self.note(lambda note: note.method == "session/caughtUp")).params

    def summary(self) -> Sequence[str]:
        """The last of what came, in few words."""
        return [_in_short(note) for note in self.notes[-40:]]


def _in_short(note: Note) -> str:
    params = note.params
    if note.is_event:
        return f"{params['seq']} {params['eventType']} turn={params['turn']} {params['content'][:80]!r}"
    return note.method.removeprefix("session/")
