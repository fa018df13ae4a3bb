"""The prompts that wait: for their turn, or, given to the agent to steer one, for the agent to take them up. The queue
is as durable as the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import attrs

from jelmored.domain.events import BlockNote
from jelmored.domain.ids import PromptId
from jelmored.domain.prompts import Prompt
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import StoredPrompt
from jelmored.wire import codec

from .attachments import slim
from .chronicle import Chronicle

ROOM = 32  # prompts (protocol 1, section 3)


@attrs.frozen
class Queued:
    """A prompt, whole, and as the journal keeps it."""

    prompt: Prompt
    stored: StoredPrompt

    @classmethod
    def of(cls, prompt: Prompt, notes: tuple[BlockNote, ...]) -> Queued:
        return cls(prompt, StoredPrompt(prompt.prompt_id, codec.encode(slim(prompt, notes))))


class PromptQueue:
    """What waits in one session."""

    def __init__(self, queued: Sequence[Queued], chronicle: Chronicle) -> None:
        self._waiting = deque(queued)
        self._given: dict[PromptId, Queued] = {}
        self._unwanted: set[PromptId] = set()
        """Of those that were given: dropped, if the agent has not taken them up yet."""
        self._chronicle = chronicle
        self._changed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> tuple[Queued, ...]:
        return tuple(self._waiting)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return tuple(queued.prompt for queued in self._waiting)

    @property
    def given(self) -> bool:
        """The agent has some that it has not taken up yet."""
        return bool(self._given)

    def check_room(self) -> None:
        """Raises `Refused` (`queue-full`)."""
        if len(self._waiting) + len(self._given) >= ROOM:
            raise Refused(ErrorKind.QUEUE_FULL, f"{ROOM} prompts wait already; take one back or wait")

    def add(self, prompt: Prompt, notes: tuple[BlockNote, ...], *, first: bool = False) -> None:
        queued = Queued.of(prompt, notes)
        (self._waiting.appendleft if first else self._waiting.append)(queued)
        self._changed = True

    def take(self) -> Prompt | None:
        """The one whose turn it is."""
        if not self._waiting:
            return None
        self._changed = True
        return self._waiting.popleft().prompt

    def withdraw(self, prompt_id: PromptId) -> None:
        """Take one back. Raises `Refused` (`not-found`)."""
        kept = [queued for queued in self._waiting if queued.prompt.prompt_id != prompt_id]
        if len(kept) == len(self._waiting):
            raise Refused(ErrorKind.NOT_FOUND, f"no prompt {prompt_id} waits here", field="promptId")
        self._waiting = deque(kept)
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

    def settle(self, prompt_ids: Iterable[PromptId]) -> list[Prompt]:
        """The agent has taken these up; those of them that it was given, in its order."""
        found = [queued for one in prompt_ids if (queued := self._forget(one)) is not None]
        return [queued.prompt for queued in found]

    def take_back(self, prompt_id: PromptId) -> None:
        """The agent will not take it up: it is dropped, or has the next turn."""
        unwanted = prompt_id in self._unwanted
        queued = self._forget(prompt_id)
        if queued is not None and unwanted:
            self._drop(prompt_id, "a prompt that was to steer was taken back")
        elif queued is not None:
            self._waiting.appendleft(queued)

    def take_all_back(self) -> None:
        """Whoever they were given to is gone."""
        for prompt_id in reversed(list(self._given)):
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
        """The whole queue if it is another than at the last call. After a restart what was given waits first."""
        changed, self._changed = self._changed, False
        return tuple(queued.stored for queued in (*self._given.values(), *self._waiting)) if changed else None
