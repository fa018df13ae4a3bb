"""How a provider is, derived from what is known of it. Nothing here is stored: ask again."""

from __future__ import annotations

from datetime import datetime

import attrs

from jelmored.domain.failures import Failure
from jelmored.domain.models import BreakerState, Health
from jelmored.errors import ErrorKind

from .facts import HealthFacts

RECONNECT = "check the network; it goes on by itself when the model's server can be reached again"

UNDRAIN = "`jelmore providers undrain` lets it take sessions again"


@attrs.frozen(kw_only=True)
class Verdict:
    """What clients are told. `cooling_until`, `breaker`, and `open_until` of one that is open, stand whatever else is
    the matter."""

    health: Health
    reason: str | None = None
    remedy: str | None = None
    cooling_until: datetime | None = None
    breaker: BreakerState = BreakerState.CLOSED
    open_until: datetime | None = None


def health(facts: HealthFacts, now: datetime) -> Verdict:
    """How it is, with the reason and what to do about it; of several reasons the one that holds the most back."""
    state = facts.breaker.state(now)
    return attrs.evolve(
        _verdict(facts, now),
        cooling_until=facts.cooling.until if facts.cooling.lasts(now) else None,
        breaker=state,
        open_until=facts.breaker.open_until if state is BreakerState.OPEN else None,
    )


def _verdict(facts: HealthFacts, now: datetime) -> Verdict:
    if not facts.enabled:
        return Verdict(health=Health.DISABLED, reason="switched off in the configuration")
    absent = facts.probe.failure if facts.probe else None
    if absent is not None and absent.kind is ErrorKind.NOT_INSTALLED and not facts.named:
        return _because(absent, Health.DISABLED)
    lasting = absent or facts.permanent or facts.fallen
    if lasting is not None:
        return _because(lasting, Health.UNHEALTHY)
    if facts.cut_off is not None:
        return Verdict(health=Health.OFFLINE, reason=facts.cut_off.message, remedy=RECONNECT)
    return _passing(facts, now)


def _passing(facts: HealthFacts, now: datetime) -> Verdict:
    """What time, a good turn or an operator's word will heal."""
    failure, state = facts.last_failure, facts.breaker.state(now)
    if state is not BreakerState.CLOSED:
        verdict = Health.UNHEALTHY if state is BreakerState.OPEN else Health.DEGRADED
        words = f"{facts.breaker.failures} failures in a row" + (
            f", the last one: {failure.message}" if failure else ""
        )
        return Verdict(health=verdict, reason=words, remedy=failure.remedy if failure else None)
    if facts.cooling.failure is not None and facts.cooling.lasts(now):
        return _because(facts.cooling.failure, Health.DEGRADED)
    if failure is not None:
        return _because(failure, Health.DEGRADED)
    if facts.draining:
        return Verdict(health=Health.DEGRADED, reason="it is drained: it starts no more agents", remedy=UNDRAIN)
    return Verdict(health=Health.HEALTHY, reason=_noted(facts))


def _noted(facts: HealthFacts) -> str | None:
    """What a person should know of it though it is well."""
    return "; ".join(facts.probe.notes) if facts.probe and facts.probe.notes else None


def _because(failure: Failure, verdict: Health) -> Verdict:
    return Verdict(health=verdict, reason=failure.message, remedy=failure.remedy)
