"""Where one turn ends and the next begins.

A result ends a turn, but the CLI may go straight on: a background task's end starts a turn by itself, and what was
said meanwhile comes after it. So a turn is over when claude says `idle` or shows that it works again, whichever comes
first. A process that never tells its state is taken at its result.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jelmored.domain.events import TurnCause, TurnReason, UsageNote
from jelmored.providers.base import TurnBegan, TurnOver


@attrs.define
class Turns:
    """At most one turn runs.

    Args:
        settle: what the turn that is now over took.
    """

    settle: Callable[[], UsageNote | None]
    runs: bool = attrs.field(default=False, init=False)
    _prompted: bool = attrs.field(default=False, init=False)
    _tells_state: bool = attrs.field(default=False, init=False)
    _running: bool = attrs.field(default=False, init=False)
    """The CLI has said `running` and no result since."""
    _over: TurnOver | None = attrs.field(default=None, init=False)
    """A result has been heard, and it is not yet known whether the CLI goes on."""
    _by_itself: bool = attrs.field(default=False, init=False)

    def prompted(self) -> None:
        """A prompt was given: its turn runs from now on."""
        self.runs = self._prompted = True

    def working(self) -> list[TurnBegan | TurnOver]:
        """The agent shows that it works."""
        if self._over is not None and self._prompted and self._by_itself:
            self._over = None  # a turn of its own came before that of the prompt: for the session it is one
            return []
        over = self._say_over()
        if self.runs:
            return list(over)
        self.runs = True
        return [*over, TurnBegan()]

    def ended(self, over: TurnOver, *, by_itself: bool) -> list[TurnOver]:
        """A result was heard. One outside of a turn ends none."""
        self._running = False
        if not self.runs:
            return []
        self._over, self._by_itself = over, by_itself
        return [] if self._tells_state else self._say_over()

    def state(self, state: str) -> list[TurnOver]:
        """The CLI says what it does."""
        self._tells_state = True
        if state != "idle":
            self._running = True
            return []
        if self.runs and self._running and self._over is None:  # a turn without a result: it was taken back
            self._over = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.AGENT)
        self._running = False
        return self._say_over()

    def taken_back(self) -> list[TurnOver]:
        """The prompt was cancelled before the CLI began with it."""
        if not self.runs or self._running or self._over is not None:
            return []
        self._over = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)
        return self._say_over()

    def _say_over(self) -> list[TurnOver]:
        if self._over is None:
            return []
        over = attrs.evolve(self._over, usage=self.settle())
        self._over, self.runs, self._prompted, self._by_itself = None, False, False, False
        return [over]
