"""When a thing that failed may run again, and when that is enough. Pure: whoever asks brings the time.

Two rules at once, for each alone has a hole: a backoff longer than period/restarts never trips a limit on restarts per
period, and a thing that lives a little longer than `stable_after` each time never trips one on unstable runs.
"""

from __future__ import annotations

import random
from collections import deque

import attrs


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart, in seconds: `first`, then `factor` times as long each time, at most `limit`.

    Each delay is stretched or shortened at random by up to the fraction `jitter`, so that what fell together doesn't
    come back together.
    """

    first: float = 1.0
    factor: float = 2.0
    limit: float = 30.0
    jitter: float = 0.1

    def after(self, last: float | None) -> float:
        """The step that follows `last` (None: the first one), without jitter."""
        return self.first if last is None else min(self.limit, last * self.factor)

    def jittered(self, step: float, rng: random.Random) -> float:
        """A delay near this step: at most `jitter` of it away."""
        return step * (1 + self.jitter * rng.uniform(-1, 1))


@attrs.frozen
class Limit:
    """At most `restarts` in any `period` seconds."""

    restarts: int
    period: float


@attrs.frozen(kw_only=True)
class Policy:
    """The rules for one thing.

    Args:
        limit: the rule on restarts per period.
        unstable: the rule on runs that end too soon: so many in a row are the last.
        stable_after: seconds; a run that lives shorter is unstable, one that lives longer starts the backoff anew.
        backoff: the delays.
    """

    limit: Limit
    unstable: int
    stable_after: float
    backoff: Backoff = Backoff()


class History:
    """The restarts of one thing until now.

    Args:
        policy: the rules.
        rng: for the jitter.
    """

    def __init__(self, policy: Policy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._restarts: deque[float] = deque()
        self._unstable = 0
        self._step: float | None = None
        self._stable = False

    def stabilised(self) -> None:
        """The present run has shown that it is sound (a first completed turn): it counts as stable, however it ends."""
        self._stable = True
        self._forget()

    def next_delay(self, *, now: float, lived: float) -> float | None:
        """A run has ended: the seconds to wait before the next one, or None when a limit is reached.

        Args:
            now: seconds on a clock that only goes forward.
            lived: seconds from the run's start to its end.
        """
        self._count(lived)
        if self._unstable >= self._policy.unstable:
            return None
        self._step = self._policy.backoff.after(self._step)
        delay = self._policy.backoff.jittered(self._step, self._rng)
        return delay if self._spend(now + delay) else None

    def _count(self, lived: float) -> None:
        if self._stable or lived >= self._policy.stable_after:
            self._forget()
        else:
            self._unstable += 1
        self._stable = False

    def _forget(self) -> None:
        self._unstable = 0
        self._step = None

    def _spend(self, at: float) -> bool:
        """Note a restart. What counts is when it begins, not when the failure was: so the limit holds to the letter."""
        limit = self._policy.limit
        while self._restarts and self._restarts[0] <= at - limit.period:
            self._restarts.popleft()
        if len(self._restarts) >= limit.restarts:
            return False
        self._restarts.append(at)
        return True
