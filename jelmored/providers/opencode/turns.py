"""Where a turn of OpenCode begins and ends, and which of the user's messages are in it.

A prompt is answered by as many messages as the agent takes steps. A message that comes while the agent works is read
before the next step; what is answered shows in `Message.parent_id`, for ids sort by time. `idle` ends a turn, but it
may come twice, and some of the turn's messages after the first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from jelmored.domain.events import TurnCause, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import PromptId
from jelmored.errors import ErrorKind
from jelmored.providers.base import Taken, TakenBack, TurnBegan, TurnOver

from . import failures
from .messages import ErrorInfo, Message

FINISHED = frozenset({"stop", "length", "content-filter", "other"})
"""How the model ends an answer that needs no further step."""


@attrs.define
class Turns:
    """At most one turn runs, and each message that was to steer is settled once.

    Args:
        now: the time, for delays that a server tells.
    """

    now: Callable[[], datetime]
    runs: bool = attrs.field(default=False, init=False)
    is_settling: bool = attrs.field(default=False, init=False)
    """The server has done with the turn; the list of its messages is to be fetched."""
    is_aborted: bool = attrs.field(default=False, init=False)
    has_begun: bool = attrs.field(default=False, init=False)
    """The server works on the turn."""
    _failure: Failure | None = attrs.field(default=None, init=False)
    """Why we aborted, where no client wished it."""
    _by_agent: bool = attrs.field(default=False, init=False)
    _due: list[PromptId | None] = attrs.field(factory=list, init=False)
    """Given to the server, and not yet seen as messages; in their order."""
    _steering: dict[PromptId, str | None] = attrs.field(factory=dict, init=False)
    """Messages to steer with that are not answered, and the server's ids of them."""
    _seen: set[str] = attrs.field(factory=set, init=False)
    """The user's messages in this turn."""
    _error: ErrorInfo | None = attrs.field(default=None, init=False)
    """The last that the server said of itself since the last step began."""
    _step: str | None = attrs.field(default=None, init=False)
    """The message of the last step."""
    _before: str | None = attrs.field(default=None, init=False)
    """The last message of the turns before, None: not known. Ids sort by time."""

    @property
    def untaken(self) -> tuple[str, ...]:
        return tuple(message_id for message_id in self._steering.values() if message_id is not None)

    def is_past(self, message_id: str) -> bool:
        """Does the message belong to a turn that is over?"""
        return self._before is not None and message_id <= self._before

    def recall(self, message_id: str) -> None:
        """The messages up to this one are of former turns."""
        self._before = max(message_id, self._before or "")

    def begin(self, prompt_id: PromptId | None) -> None:
        self.runs, self._by_agent = True, False
        self._due.append(prompt_id)

    def steered(self, prompt_id: PromptId) -> None:
        self._due.append(prompt_id)
        self._steering[prompt_id] = None

    def aborted(self, failure: Failure | None) -> None:
        if self.runs:
            self.is_aborted, self._failure = True, failure

    def busy(self) -> None:
        """The server works, or goes on: with a message that came when it had nearly done."""
        if not self.runs:
            return
        if not self.has_begun:
            self._error = None
        self.has_begun = True
        self.is_settling = self.is_settling and self.is_aborted

    def idle(self) -> None:
        """One that comes before the server began is still of the turn before."""
        self.is_settling = self.is_settling or (self.runs and self.has_begun)

    def failed(self, error: ErrorInfo) -> None:
        if self.runs:
            self._error = error

    def asked(self, message_id: str) -> None:
        """A message of the user, in whoever's words."""
        if message_id in self._seen or not self._due:
            return
        self._seen.add(message_id)
        prompt_id = self._due.pop(0)
        if prompt_id in self._steering:
            self._steering[prompt_id] = message_id

    def answering(self, message: Message) -> list[Taken]:
        """A step of the agent: it has read whatever the user said up to the message that it answers."""
        self.has_begun = True
        if message.id != self._step:
            self._step, self._error = message.id, None
        if message.summary or message.parent_id is None:
            return []
        read = [
            prompt_id
            for prompt_id, message_id in self._steering.items()
            if message_id is not None and message_id <= message.parent_id
        ]
        for prompt_id in read:
            del self._steering[prompt_id]
        return [Taken(prompt_id) for prompt_id in read]

    def over(self, last: Message | None) -> tuple[TurnOver, list[TakenBack | TurnBegan]]:
        """The turn is over, as its last message tells; the server goes on with what it has not answered, unless it
        was aborted."""
        over = attrs.evolve(self._verdict(last), origin="agent" if self._by_agent else "prompt")
        left, aborted = tuple(self._steering), self.is_aborted
        self._steering.clear()
        self.runs = self.is_settling = self.is_aborted = self.has_begun = self._by_agent = False
        self._failure = self._error = None
        if not left or aborted:
            self._due.clear()
            self._seen.clear()
            return over, [TakenBack(prompt_id) for prompt_id in left]
        self.runs = self._by_agent = True
        return over, [TurnBegan(left)]

    def _verdict(self, last: Message | None) -> TurnOver:
        if last is not None and last.finish in FINISHED and last.error is None:
            return TurnOver(reason=TurnReason.COMPLETED)
        if self.is_aborted and self._failure is None:
            return TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)
        if self._failure is not None:
            return TurnOver(reason=TurnReason.FAILED, failure=self._failure)
        unfinished = last is None or last.time.completed is None
        error = (last.error if last else None) or (self._error if unfinished else None)
        if error is not None:
            return self._failed(error)
        return _lost() if unfinished else TurnOver(reason=TurnReason.COMPLETED)

    def _failed(self, error: ErrorInfo) -> TurnOver:
        if error.name == failures.ABORTED:
            return TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.AGENT)
        failure = failures.of_turn(error, self.now())
        reason = TurnReason.REFUSED if failure.kind is ErrorKind.REFUSED else TurnReason.FAILED
        return TurnOver(reason=reason, failure=failure)


def _lost() -> TurnOver:
    failure = Failure(kind=ErrorKind.AGENT_CRASHED, message="OpenCode left the turn without an answer")
    return TurnOver(reason=TurnReason.FAILED, failure=failure)
