"""Is it the provider, or the network? Pure: told what failed and when, and what a free look at the servers showed.

Seconds are those of Trio's clock.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

import attrs

from jelmored.domain.ids import ProviderName

TOGETHER = 30.0  # seconds in which two providers fail by the network's fault
SLEPT = 30.0  # seconds that the wall clock jumped: the machine was asleep
UNKNOWN = 30.0  # seconds until the next prompt tries, where no provider can look
LONGEST = 600.0  # seconds until it tries though the servers seem to be away: the look may be wrong


class Finding(enum.Enum):
    """What a look at the servers showed."""

    LASTS = "none of them can be reached"
    OVER = "the network is back, or it is time for a real prompt to try"
    FALSE_ALARM = "it was there all the time: the failures were the providers' own"


@attrs.frozen(kw_only=True)
class Outage:
    """A time without network.

    Args:
        since: when it was noticed.
        certain: two failed together, or the machine was asleep; else there is only one to fail.
        seen: a look has confirmed it.
    """

    since: float
    certain: bool
    seen: bool = False

    def judge(self, reached: Collection[bool | None], now: float) -> Finding:
        """Of a look at each provider's server: True, it answers; False, it does not; None, it can't be looked at."""
        lasted = now - self.since
        if True in reached:
            return Finding.OVER if self.seen else Finding.FALSE_ALARM
        if False in reached:
            return Finding.LASTS if lasted < LONGEST else Finding.OVER
        if not self.certain:
            return Finding.FALSE_ALARM
        return Finding.LASTS if lasted < UNKNOWN else Finding.OVER


@attrs.frozen(kw_only=True)
class Network:
    """What is known of it: when each provider failed by it last, and the outage there is."""

    failed_at: Mapping[ProviderName, float] = attrs.field(factory=dict)
    outage: Outage | None = None

    def failed(self, name: ProviderName, now: float, *, alone: bool) -> Network:
        """A turn failed by the network's fault.

        Args:
            alone: there is no other provider whose failure could be waited for.
        """
        recent = {other: at for other, at in self.failed_at.items() if now - at <= TOGETHER} | {name: now}
        together = len(recent) > 1
        outage = self.outage or (Outage(since=now, certain=together) if together or alone else None)
        return Network(failed_at=recent, outage=outage)

    def slept(self, now: float) -> Network:
        """The machine was asleep: what was connected is not any more."""
        return attrs.evolve(self, outage=self.outage or Outage(since=now, certain=True))

    def confirmed(self) -> Network:
        """A look found nobody."""
        return attrs.evolve(self, outage=self.outage and attrs.evolve(self.outage, seen=True))
