"""Where one turn ends and the next begins, and whose it is.

A result ends a turn, but the CLI may go straight on: the end of a background task starts a turn by itself. So a turn
is over when claude says `idle` or shows that it works again, whichever comes first; a process that never tells its
state is taken at its result. A turn of its own may also come before that of a prompt which was just given (a resumed
session begins with one if it lost a background task): then both are one turn, that of the prompt.
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
    _by_agent: bool = attrs.field(default=False, init=False)
    _waiting: str | None = attrs.field(default=None, init=False)
    """The prompt's message, until the CLI takes it up."""
    _tells_state: bool = attrs.field(default=False, init=False)
    _running: bool = attrs.field(default=False, init=False)
    """The CLI has said `running` and no result since."""
    _over: TurnOver | None = attrs.field(default=None, init=False)
    """A result has been heard, and it is not yet known whether the CLI goes on."""

    def prompted(self, message_id: str) -> None:
        """A prompt was given: its turn runs from now on."""
        self.runs, self._by_agent, self._waiting = True, False, message_id

    def taken_up(self, message_id: str | None) -> None:
        """The CLI works on a message, be it in a turn that it had begun by itself."""
        if message_id == self._waiting:
            self._waiting = None

    def taken_back(self) -> list[TurnOver]:
        """The prompt was cancelled before the CLI began with it."""
        self._waiting = None
        if not self.runs or self._running or self._over is not None:
            return []
        self._over = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)
        return self._say_over()

    def working(self) -> list[TurnBegan | TurnOver]:
        """The agent shows that it works."""
        over = self._say_over()
        if self.runs:
            return list(over)
        self.runs = self._by_agent = True
        return [*over, TurnBegan()]

    def ended(self, over: TurnOver, *, by_itself: bool) -> list[TurnOver]:
        """A result was heard.

        Args:
            by_itself: it ends a turn that the CLI began. Where a prompt still waits, that one's turn is to come.
        """
        self._running = False
        if not self.runs or (by_itself and self._waiting is not None):
            return []
        self._over = over
        return [] if self._tells_state else self._say_over()

    def state(self, state: str) -> list[TurnOver]:
        """The CLI says what it does."""
        self._tells_state = True
        if state != "idle":
            self._running = True
            return []
        if self.runs and self._running and self._over is None:  # no result: the prompt was dropped
            self._over = TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.AGENT)
        self._running = False
        return self._say_over()

    def _say_over(self) -> list[TurnOver]:
        if self._over is None:
            return []
        over = attrs.evolve(self._over, usage=self.settle(), origin="agent" if self._by_agent else "prompt")
        self._over, self.runs, self._by_agent, self._waiting = None, False, False, None
        return [over]
