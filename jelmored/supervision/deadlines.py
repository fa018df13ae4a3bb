"""What an agent must do by when: be ready, show signs of life, end its turn when told to, end itself when told to.

Pure: told what happens and when. Times are those of Trio's clock, in seconds.
"""

from __future__ import annotations

import attrs

from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind
from jelmored.providers.base import RunTimeouts

from .stall import StallClock

START = 60.0  # until it can take a prompt
INTERRUPT = 5.0  # until its turn is over
CLOSE = 20.0  # until it has ended; claude's own steps take 10
REST = 600.0  # between two looks at an agent of which nothing is expected


@attrs.define
class Deadlines:
    """The clocks of one run."""

    timeouts: RunTimeouts
    silence: StallClock = attrs.field(init=False)
    _start: float | None = attrs.field(default=None, init=False)
    _interrupt: float | None = attrs.field(default=None, init=False)
    _close: float | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.silence = StallClock(self.timeouts)

    def due(self, now: float) -> float:
        """When to look again, unless something happens before: no deadline passes until then."""
        clocks = (self._start, self._interrupt, self._close, self._silence)
        return min((clock for clock in clocks if clock is not None), default=now + REST)

    @property
    def _silence(self) -> float | None:
        """An agent that was told to end its turn has other things to do than to be heard of."""
        return self.silence.deadline if self._interrupt is None else None

    def starting(self, now: float) -> None:
        self._start = now + START

    def started(self) -> None:
        self._start = None

    def interrupted(self, now: float) -> None:
        """It was told to end its turn. Once more, or without a turn: nothing."""
        if self.silence.in_turn and self._interrupt is None:
            self._interrupt = now + INTERRUPT

    def silenced(self, now: float) -> None:
        """It was told to end what it has been silent in."""
        self._interrupt = now + INTERRUPT

    def turn_over(self) -> None:
        self._interrupt = None

    def closed(self, now: float, within: float | None = None) -> None:
        """It was told to end. `within`: seconds, if less than usual."""
        self._close = now + (CLOSE if within is None else within)

    def missed(self, now: float) -> Failure | None:
        """Why the run can't go on."""
        for deadline, what in (
            (self._start, f"the agent was not ready within {START:.0f} s"),
            (self._interrupt, f"the agent did not answer an interrupt for {INTERRUPT:.0f} s"),
            (self._close, "the agent did not end when it was told to"),
        ):
            if deadline is not None and now >= deadline:
                return Failure(kind=ErrorKind.AGENT_CRASHED, message=what)
        return None

    def stalled(self, now: float) -> Failure | None:
        """Why the turn can't go on."""
        deadline = self._silence
        if deadline is None or now < deadline:
            return None
        return Failure(
            kind=ErrorKind.TURN_STALLED,
            message=f"no sign of life for {self.silence.limit:g} s while the {self.silence.awaited} was awaited",
            remedy="send the prompt again; if it happens often, look at the provider's status or raise its time-outs",
        )
