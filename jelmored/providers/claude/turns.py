"""Where one turn ends and the next begins, and which messages are in it.

A result ends a turn, but the CLI may go straight on: with messages that came too late to steer (several become one
turn), or by itself when a background task has ended. So a turn is over when claude says `idle` or shows that it works
again, whichever comes first; a process that never tells its state is taken at its result. The CLI says of each message
when it takes it up, late: at its first words of a turn. So a turn of its own may come before that of a prompt which was
just given; then both are one turn, that of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jelmored.domain.events import TurnCause, TurnReason, UsageNote
from jelmored.domain.ids import PromptId
from jelmored.providers.base import Taken, TakenBack, TurnBegan, TurnOver


@attrs.define
class Turns:
    """At most one turn runs, and each message that was to steer is settled once.

    Args:
        settle: what the turn that is now over took.
    """

    settle: Callable[[], UsageNote | None]
    runs: bool = attrs.field(default=False, init=False)
    _by_agent: bool = attrs.field(default=False, init=False)
    _due: list[str] = attrs.field(factory=list, init=False)
    """The messages of this turn that the CLI has not taken up, in their order."""
    _steering: dict[str, PromptId] = attrs.field(factory=dict, init=False)
    """Messages to steer with, by their ids, that have not become part of any turn."""
    _took_some: bool = attrs.field(default=False, init=False)
    """The CLI has taken up a message since it set out."""
    _tells_state: bool = attrs.field(default=False, init=False)
    _running: bool = attrs.field(default=False, init=False)
    """The CLI has said `running`, or set out, and no result since."""
    _over: TurnOver | None = attrs.field(default=None, init=False)
    """A result has been heard, and it is not yet known whether the CLI goes on."""

    @property
    def untaken(self) -> tuple[str, ...]:
        """The messages that an interrupt should take back, oldest first."""
        return (*self._due, *self._steering)

    def prompted(self, message_id: str) -> None:
        """A prompt was given: its turn runs from now on."""
        self.runs, self._by_agent, self._over = True, False, None
        self._due.append(message_id)

    def steered(self, message_id: str, prompt_id: PromptId) -> None:
        """A message was put in, into a turn or a moment too late for it."""
        self._steering[message_id] = prompt_id

    def set_out(self) -> list[TurnBegan | TurnOver]:
        """The CLI begins a turn of its own counting."""
        self._took_some, self._running = False, True
        return self.working()

    def working(self) -> list[TurnBegan | TurnOver]:
        """The agent shows that it works."""
        if self._due:
            self._over = None  # that was not yet all of this turn
        over = self._say_over()
        if self.runs:
            return list(over)
        self.runs = self._by_agent = True
        began = TurnBegan(tuple(self._steering.values()))
        self._due.extend(self._steering)
        self._steering.clear()
        return [*over, began]

    def taken_up(self, message_id: str | None) -> list[TurnBegan | TurnOver | Taken]:
        """The CLI works on a message: in the turn that runs, or else in the one that it is about to begin."""
        if message_id is None or (message_id not in self._due and message_id not in self._steering):
            return []
        events: list[TurnBegan | TurnOver | Taken] = []
        if not self.runs or self._over is not None:
            events.extend(self.working())
        self._took_some = True
        if message_id in self._due:  # in order; of a slash command it says nothing
            del self._due[: self._due.index(message_id) + 1]
        prompt_id = self._steering.pop(message_id, None)
        return [*events, Taken(prompt_id)] if prompt_id is not None else events

    def taken_back(self, message_id: str) -> list[TakenBack | TurnOver]:
        """A message was cancelled before the CLI began with it; a turn of nothing else never was."""
        if (prompt_id := self._steering.pop(message_id, None)) is not None:
            return [TakenBack(prompt_id)]
        if message_id not in self._due:
            return []
        self._due.remove(message_id)
        if self._due or not self.runs or self._running or self._over is not None:
            return []
        self._over = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)
        return list(self._say_over())

    def ended(self, over: TurnOver, *, by_itself: bool) -> list[TurnOver]:
        """A result was heard.

        Args:
            by_itself: it ends a turn that the CLI began. Where a message of this turn still waits, its own is to come;
                so it is after a result of other messages.
        """
        self._running = False
        others = bool(self._due) and (by_itself or self._took_some) and over.reason is not TurnReason.INTERRUPTED
        self._took_some = False
        if not self.runs or others:
            return []
        del self._due[:1]
        self._over = over
        return [] if self._tells_state else self._say_over()

    def state(self, state: str) -> list[TurnOver]:
        """The CLI says what it does."""
        self._tells_state = True
        if state != "idle":
            self._running = True
            return []
        if self.runs and self._running and self._over is None:
            self._over = self._without_result()
        self._running = False
        return self._say_over()

    def _without_result(self) -> TurnOver:
        """A prompt was dropped; or the agent only had a question from the background."""
        if self._by_agent:
            return TurnOver(reason=TurnReason.COMPLETED)
        return TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.AGENT)

    def _say_over(self) -> list[TurnOver]:
        if self._over is None:
            return []
        over = attrs.evolve(self._over, usage=self.settle(), origin="agent" if self._by_agent else "prompt")
        self._over, self.runs, self._by_agent = None, False, False
        self._due.clear()
        return [over]
