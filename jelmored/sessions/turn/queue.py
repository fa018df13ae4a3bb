"""The prompts that wait: for their turn, or, given to the agent to steer one, for the agent to take them up. The queue
is as durable as the log."""

from __future__ import annotations

import bisect
import enum
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from jelmored.domain.events import BlockNote
from jelmored.domain.ids import PromptId
from jelmored.domain.prompts import Prompt
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import StoredPrompt
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.wire import codec

from .attachments import slim

ROOM = 32  # prompts (protocol 1, section 3)


@attrs.frozen
class Queued:
    """A prompt, whole, and as the journal keeps it."""

    prompt: Prompt
    stored: StoredPrompt

    @classmethod
    def of(cls, prompt: Prompt, notes: tuple[BlockNote, ...]) -> Queued:
        return cls(prompt, StoredPrompt(prompt.prompt_id, codec.encode(slim(prompt, notes))))

    def with_(self, **changes: Any) -> Queued:
        """The same prompt, changed."""
        kept = attrs.evolve(codec.decode(self.stored.body, Prompt), **changes)
        return Queued(attrs.evolve(self.prompt, **changes), attrs.evolve(self.stored, body=codec.encode(kept)))


class Rank(enum.IntEnum):
    """Who comes first; of one rank, whoever came first."""

    AT_ONCE = 0
    """It interrupts the turn."""
    TAKEN_BACK = 1
    """It was to steer the turn, and did not."""
    IN_LINE = 2


@attrs.frozen(order=True)
class _Place:
    rank: Rank
    number: int
    queued: Queued = attrs.field(order=False)


class PromptQueue:
    """What waits in one session.

    Args:
        queued: as the journal has it.
        chronicle: of the session.
        in_hand: the prompt of the turn that a former life has left open. It stands in the journal with the others.
    """

    def __init__(self, queued: Sequence[Queued], chronicle: Chronicle, in_hand: PromptId | None = None) -> None:
        self._numbers = itertools.count()
        self._places: list[_Place] = []
        for one in queued:
            if one.prompt.prompt_id != in_hand:
                self._line_up(one, Rank.IN_LINE)
        self._given: dict[PromptId, Queued] = {}
        self._taken: dict[PromptId, Queued] = {}
        """What the agent has read in this turn beside its prompt; the latest of it."""
        self._unwanted: set[PromptId] = set()
        """Of those that were given: dropped, if the agent has not taken them up yet."""
        self._in_hand = next((one for one in queued if one.prompt.prompt_id == in_hand), None)
        self._chronicle = chronicle
        self._changed = False

    def _line_up(self, queued: Queued, rank: Rank) -> None:
        """The latest that interrupts is before the others."""
        number = next(self._numbers)
        place = _Place(rank, -number if rank is Rank.AT_ONCE else number, queued)
        bisect.insort(self._places, place)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def waiting(self) -> tuple[Queued, ...]:
        return tuple(place.queued for place in self._places)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return tuple(queued.prompt for queued in self.waiting)

    @property
    def whole(self) -> tuple[Queued, ...]:
        """What waits, in the order after a restart: what was given to the agent waits first."""
        return (*self._given.values(), *self.waiting)

    @property
    def given(self) -> bool:
        """The agent has some that it has not taken up yet."""
        return bool(self._given)

    def check_room(self) -> None:
        """Raises `Refused` (`queue-full`)."""
        if len(self._places) + len(self._given) >= ROOM:
            raise Refused(ErrorKind.QUEUE_FULL, f"{ROOM} prompts wait already; take one back or wait")

    def add(self, prompt: Prompt, notes: tuple[BlockNote, ...], *, first: bool = False) -> None:
        self._line_up(Queued.of(prompt, notes), Rank.AT_ONCE if first else Rank.IN_LINE)
        self._changed = True

    @property
    def first(self) -> Prompt | None:
        """The one whose turn it is."""
        return self._places[0].queued.prompt if self._places else None

    def take(self) -> Prompt | None:
        """The first one; it has its turn now."""
        if not self._places:
            return None
        self._in_hand = self._places.pop(0).queued
        self._changed = True
        return self._in_hand.prompt

    def start(self, prompt: Prompt, notes: tuple[BlockNote, ...]) -> None:
        """This one has its turn at once."""
        self._in_hand, self._changed = Queued.of(prompt, notes), True

    @property
    def in_hand(self) -> Prompt | None:
        """The one that has its turn. It is kept until that is over: the daemon may die first."""
        return self._in_hand.prompt if self._in_hand else None

    def put_back(self, **cut: Any) -> None:
        """The one that has its turn is to have another one later. `cut`: what is to be known of this one, if it may
        have changed something: fields of the prompt."""
        if self._in_hand is not None:
            self._line_up(self._in_hand.with_(**cut) if cut else self._in_hand, Rank.TAKEN_BACK)
            self._in_hand, self._changed = None, True

    def withdraw(self, prompt_id: PromptId) -> None:
        """Take one back. Raises `Refused` (`not-found`)."""
        kept = [place for place in self._places if place.queued.prompt.prompt_id != prompt_id]
        if len(kept) == len(self._places):
            raise Refused(ErrorKind.NOT_FOUND, f"no prompt {prompt_id} waits here", field="promptId")
        self._places = kept
        self._drop(prompt_id, "a queued prompt was taken back")

    def drop(self) -> None:
        """Take all back; those that were given as soon as the agent gives them back."""
        for prompt in self.prompts:
            self.withdraw(prompt.prompt_id)
        self._unwanted.update(self._given)

    # What steers

    def give(self, prompt: Prompt, notes: tuple[BlockNote, ...]) -> None:
        """The agent is given it while a turn runs. Until it has taken it up it is kept: the agent may die first."""
        self._given[prompt.prompt_id] = Queued.of(prompt, notes)
        self._changed = True

    @property
    def steering(self) -> tuple[Prompt, ...]:
        """What the agent was given, or is to be given, beside the prompt of its turn."""
        return tuple(queued.prompt for queued in self._given.values())

    def settle(self, prompt_ids: Iterable[PromptId]) -> list[Prompt]:
        """The agent has taken these up; those of them that it was given, in its order."""
        found = [queued for one in prompt_ids if (queued := self._forget(one)) is not None]
        self._taken.update({queued.prompt.prompt_id: queued for queued in found})
        for oldest in list(self._taken)[:-ROOM]:
            del self._taken[oldest]
        return [queued.prompt for queued in found]

    def start_with(self, prompt_ids: Iterable[PromptId]) -> list[Prompt]:
        """The agent begins a turn with these: the first is its prompt, the others steer it."""
        prompts = self.settle(prompt_ids)
        for prompt in prompts[:1]:
            self._in_hand = self._taken.pop(prompt.prompt_id, None)
        return prompts

    def give_again(self) -> None:
        """The turn is done over: all that steered it will steer it again."""
        self._given = {**self._taken, **self._given}
        self._changed = self._changed or bool(self._taken)
        self._taken.clear()

    def turn_over(self) -> None:
        """Its prompt and what has steered it are done with."""
        self._changed = self._changed or self._in_hand is not None
        self._in_hand = None
        self._taken.clear()

    def take_back(self, prompt_id: PromptId) -> None:
        """The agent will not take it up: it is dropped, or has the next turn."""
        unwanted = prompt_id in self._unwanted
        queued = self._forget(prompt_id)
        if queued is not None and unwanted:
            self._drop(prompt_id, "a prompt that was to steer was taken back")
        elif queued is not None:
            self._line_up(queued, Rank.TAKEN_BACK)

    def take_all_back(self) -> None:
        """Whoever they were given to is gone."""
        for prompt_id in list(self._given):
            self.take_back(prompt_id)

    def _forget(self, prompt_id: PromptId) -> Queued | None:
        self._unwanted.discard(prompt_id)
        queued = self._given.pop(prompt_id, None)
        self._changed = self._changed or queued is not None
        return queued

    def _drop(self, prompt_id: PromptId, words: str) -> None:
        self._changed = True
        self._chronicle.note("prompt_dropped", words, promptId=prompt_id)

    def to_store(self) -> tuple[StoredPrompt, ...] | None:
        """The whole queue if it is another than at the last call; before it the one that has its turn."""
        changed, self._changed = self._changed, False
        in_hand = (self._in_hand,) if self._in_hand else ()
        return tuple(queued.stored for queued in (*in_hand, *self.whole)) if changed else None
