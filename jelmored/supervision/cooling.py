"""Until when a provider that was throttled is left alone. Pure: whoever asks brings the wall clock's time."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from jelmored.actors.restarts import Backoff
from jelmored.domain.failures import Failure

GUESSES = Backoff(first=60, factor=2, limit=600, jitter=0)  # seconds, where no reset is told


@attrs.frozen(kw_only=True)
class Cooling:
    """The last time that a provider was throttled; it is kept over a restart.

    Args:
        failure: what it said.
        until: when its limit is reset, as told or as guessed.
        guess: seconds that were guessed last, in a row of failures; None: nothing was.
    """

    failure: Failure | None = None
    until: datetime | None = None
    guess: float | None = None

    def lasts(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def throttled(self, failure: Failure, now: datetime) -> Cooling:
        """Every failing turn cools it. Those that were on their way together are one failure: they don't double."""
        kept = attrs.evolve(failure, evidence={})
        if failure.retry_at is not None and failure.retry_at > now:
            return self._until(failure.retry_at, kept, self.guess, now)
        guess = self.guess if self.guess is not None and self.lasts(now) else GUESSES.after(self.guess)
        return self._until(now + timedelta(seconds=guess), kept, guess, now)

    def _until(self, until: datetime, failure: Failure, guess: float | None, now: datetime) -> Cooling:
        """Nothing makes it shorter."""
        later = max(until, self.until) if self.until is not None and self.lasts(now) else until
        return Cooling(failure=failure, until=later, guess=guess)

    def succeeded(self, now: datetime) -> Cooling:
        """A turn went well. While it cools, that one had begun before."""
        return self if self.lasts(now) else Cooling()
