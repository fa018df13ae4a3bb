"""Keeps prompts from a provider that fails at every turn. Pure: whoever asks brings the time.

Closed, it lets everything through. Open, nothing, for a rest that doubles each time. Then it is half-open: the next
real prompt is the trial, one at a time, and how that ends closes it or opens it again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from jelmored.actors.restarts import Backoff
from jelmored.domain.models import BreakerState

OPENS_AFTER = 3  # failures in a row
RESTS = Backoff(first=60, factor=2, limit=600, jitter=0)


@attrs.frozen(kw_only=True)
class Breaker:
    """The breaker of one provider, over all its sessions.

    Args:
        failures: in a row.
        opened_at: when it opened last; None while it is closed.
        rest: seconds from then until a trial is let through.
        trial: one is on its way.
    """

    failures: int = 0
    opened_at: datetime | None = None
    rest: float | None = None
    trial: bool = False

    @property
    def open_until(self) -> datetime | None:
        """When a trial is let through; None while it is closed."""
        return None if self.opened_at is None else self.opened_at + timedelta(seconds=self.rest or 0)

    def state(self, now: datetime) -> BreakerState:
        if self.opened_at is None or self.open_until is None:
            return BreakerState.CLOSED
        # A clock that was set back must not keep it open for longer than its rest.
        resting = not self.trial and self.opened_at <= now < self.open_until
        return BreakerState.OPEN if resting else BreakerState.HALF_OPEN

    def admits(self, now: datetime) -> bool:
        """A run that is opened now is let through."""
        return not self.trial and self.state(now) is not BreakerState.OPEN

    def tried(self, now: datetime) -> Breaker:
        """A run was let through."""
        return attrs.evolve(self, trial=True) if self.state(now) is BreakerState.HALF_OPEN else self

    def failed(self, now: datetime) -> Breaker:
        """A turn found the provider unavailable. One that began before it opened says nothing new."""
        state, failures = self.state(now), self.failures + 1
        if state is BreakerState.OPEN:
            return self
        if state is BreakerState.CLOSED and failures < OPENS_AFTER:
            return Breaker(failures=failures)
        return Breaker(failures=failures, opened_at=now, rest=RESTS.after(self.rest))

    def abandoned(self) -> Breaker:
        """The trial ended without a word on the provider: the next prompt is another."""
        return attrs.evolve(self, trial=False)
