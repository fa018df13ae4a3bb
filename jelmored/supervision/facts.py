"""What is known of a provider, and how it changes by what happens. Pure; `health.py` says what it amounts to."""

from __future__ import annotations

from datetime import datetime

import attrs

from jelmored.domain.failures import Failure, RunClass
from jelmored.providers.base import Probe

from .breaker import Breaker
from .cooling import Cooling


@attrs.frozen(kw_only=True)
class HealthFacts:
    """What the supervisor of a provider knows.

    Args:
        named: a configuration file names it, so that its absence is a fault.
        probe: the last look, None before the first.
        draining: it is to take no new runs.
        last_failure: of the last turn, or start of a run; None after a good turn.
        permanent: why nothing will work here until a person has done something about it.
        fallen: why what its runs share is not there.
        cut_off: why its model can't be reached, while that is the network's fault and not its own.
    """

    enabled: bool = True
    named: bool = False
    probe: Probe | None = None
    draining: bool = False
    last_failure: Failure | None = None
    permanent: Failure | None = None
    fallen: Failure | None = None
    cut_off: Failure | None = None
    cooling: Cooling = Cooling()
    breaker: Breaker = Breaker()

    def admits(self, now: datetime) -> bool:
        """A run that is opened now is let through. One that cools, or that lacks a login, is asked all the same by who
        has no other."""
        return self.enabled and not self.draining and self.breaker.admits(now)

    def began(self, now: datetime) -> HealthFacts:
        """A run was opened."""
        return attrs.evolve(self, breaker=self.breaker.tried(now))

    def abandoned(self) -> HealthFacts:
        """The trial ended in a way that says nothing of the provider."""
        return attrs.evolve(self, breaker=self.breaker.abandoned())

    def succeeded(self, now: datetime) -> HealthFacts:
        """A turn went well."""
        return attrs.evolve(
            self,
            last_failure=None,
            permanent=None,
            cut_off=None,
            breaker=Breaker(),
            cooling=self.cooling.succeeded(now),
        )

    def failed(self, failure: Failure, now: datetime, *, starting: bool = False) -> HealthFacts:
        """A turn failed, or with `starting` a run that should have had one. Also a crash counts for the breaker then:
        it is not that session's own."""
        match failure.cls:
            case RunClass.REQUEST:  # the prompt's fault
                return self
            case RunClass.THROTTLED:
                return attrs.evolve(self, last_failure=None, cooling=self.cooling.throttled(failure, now))
            case RunClass.PERMANENT:
                return attrs.evolve(self, last_failure=None, permanent=failure)
            case RunClass.CRASH if not starting:
                return attrs.evolve(self, last_failure=failure)
            case _:
                return attrs.evolve(self, last_failure=failure, breaker=self.breaker.failed(now))

    def probed(self, probe: Probe, *, asked: bool = False) -> HealthFacts:
        """A look settles what only a person could mend if it shows that somebody did; or if a person asked for it."""
        mended = probe.failure is None and (asked or (self.probe is not None and _marks(probe) != _marks(self.probe)))
        return attrs.evolve(self, probe=probe, permanent=None if mended else self.permanent)

    def configured(self, *, enabled: bool, named: bool) -> HealthFacts:
        """The configuration says so from now on."""
        return attrs.evolve(self, enabled=enabled, named=named)

    def begun_anew(self) -> HealthFacts:
        """An operator started it again: whatever was the matter with it gets a new chance, but what its vendor said
        about its limit still holds."""
        new = HealthFacts(enabled=self.enabled, named=self.named)
        return attrs.evolve(
            new,
            draining=self.draining,
            probe=self.probe,
            cut_off=self.cut_off,
            fallen=self.fallen,
            cooling=self.cooling,
        )

    @property
    def waits_for_a_person(self) -> bool:
        """It is to be looked at again."""
        return self.permanent is not None or bool(self.probe and self.probe.failure)

    def next_change(self, now: datetime) -> datetime | None:
        """When time alone will make another thing of it."""
        moments = [moment for moment in (self.cooling.until, self.breaker.open_until) if moment and moment > now]
        return min(moments, default=None)


def _marks(probe: Probe) -> tuple[object, ...]:
    """By what one sees that somebody installed something, or logged in."""
    return probe.failure is None, probe.version, probe.account
