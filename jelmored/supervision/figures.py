"""What is counted of a provider: turns, failures, cost, how fast it answers, how much of a quota is used."""

from __future__ import annotations

import attrs

from jelmored.domain.models import ProviderCounters, QuotaWindow

QUOTA_WINDOWS = 16  # that an agent may tell of
WEIGHT = 0.3  # of the newest answer in the latency: about the last five count


@attrs.define
class Figures:
    """Since the daemon's start. `latency_ms`: from a prompt to the first words of its answer, the newest weighing most;
    None before the first."""

    counters: ProviderCounters = ProviderCounters()
    latency_ms: float | None = None
    _quota: dict[str, QuotaWindow] = attrs.field(factory=dict)

    @property
    def quota(self) -> tuple[QuotaWindow, ...]:
        return tuple(self._quota.values())

    def note_turn(self, *, failed: bool, cost_usd: float) -> None:
        counters = self.counters
        self.counters = attrs.evolve(
            counters,
            turns=counters.turns + 1,
            failures=counters.failures + failed,
            cost_usd=counters.cost_usd + cost_usd,
        )

    def note_restart(self) -> None:
        """An agent is started again for a turn that it crashed in."""
        self.counters = attrs.evolve(self.counters, restarts=self.counters.restarts + 1)

    def note_failover(self) -> None:
        """A turn left this provider for another one."""
        self.counters = attrs.evolve(self.counters, failovers=self.counters.failovers + 1)

    def note_answer(self, seconds: float) -> None:
        """So long a prompt waited for the first words."""
        newest = seconds * 1000
        self.latency_ms = newest if self.latency_ms is None else (1 - WEIGHT) * self.latency_ms + WEIGHT * newest

    def note_quota(self, window: QuotaWindow) -> bool:
        """True if that is news."""
        known = window.window in self._quota
        if self._quota.get(window.window) == window or not (known or len(self._quota) < QUOTA_WINDOWS):
            return False
        self._quota[window.window] = window
        return True
