"""The prompts that wait for their turn. The queue is as durable as the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

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


class PromptQueue:
    """What waits in one session."""

    def __init__(self, queued: Sequence[Queued], chronicle: Chronicle) -> None:
        self._waiting = deque(queued)
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

    def check_room(self) -> None:
        """Raises `Refused` (`queue-full`)."""
        if len(self._waiting) >= ROOM:
            raise Refused(ErrorKind.QUEUE_FULL, f"{ROOM} prompts wait already; take one back or wait")

    def add(self, prompt: Prompt, notes: tuple[BlockNote, ...], *, first: bool = False) -> None:
        stored = StoredPrompt(prompt.prompt_id, codec.encode(slim(prompt, notes)))
        (self._waiting.appendleft if first else self._waiting.append)(Queued(prompt, stored))
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
        self._changed = True
        self._chronicle.note("prompt_dropped", "a queued prompt was taken back", promptId=prompt_id)

    def drop(self) -> None:
        """Take all back."""
        for prompt in self.prompts:
            self.withdraw(prompt.prompt_id)

    def to_store(self) -> tuple[StoredPrompt, ...] | None:
        """The whole queue if it is another than at the last call."""
        changed, self._changed = self._changed, False
        return tuple(queued.stored for queued in self._waiting) if changed else None
