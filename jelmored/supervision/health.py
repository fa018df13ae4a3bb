"""How a provider is, derived from what is known of it. Nothing here is stored: ask again."""

from __future__ import annotations

from datetime import datetime

import attrs

from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.models import Health
from jelmored.errors import ErrorKind
from jelmored.providers.base import Probe

UNWELL_AFTER = 3  # failed turns in a row, over all sessions (design: the breaker's figure)


@attrs.frozen(kw_only=True)
class HealthFacts:
    """What the supervisor of a provider knows.

    Args:
        named: a configuration file names it, so that its absence is a fault.
        probe: the last look, None before the first.
        last_failure: of the last turn; None after a good one.
        failures_in_a_row: turns, over all sessions.
    """

    enabled: bool = True
    named: bool = False
    probe: Probe | None = None
    last_failure: Failure | None = None
    failures_in_a_row: int = 0


@attrs.frozen(kw_only=True)
class Verdict:
    health: Health
    reason: str | None = None
    remedy: str | None = None
    cooling_until: datetime | None = None


def health(facts: HealthFacts, now: datetime) -> Verdict:
    """What clients are told, with the reason and what to do about it."""
    if not facts.enabled:
        return Verdict(health=Health.DISABLED, reason="switched off in the configuration")
    absent = facts.probe.failure if facts.probe else None
    if absent is not None:
        missing = absent.kind is ErrorKind.NOT_INSTALLED and not facts.named
        return _because(absent, Health.DISABLED if missing else Health.UNHEALTHY)
    failure = facts.last_failure
    if failure is None or failure.cls is RunClass.REQUEST:
        return Verdict(health=Health.HEALTHY, reason=_noted(facts.probe))
    if failure.cls is RunClass.PERMANENT:
        return _because(failure, Health.UNHEALTHY)
    if failure.cls is RunClass.THROTTLED and failure.retry_at is not None:
        if failure.retry_at <= now:
            return Verdict(health=Health.HEALTHY)
        return attrs.evolve(_because(failure, Health.DEGRADED), cooling_until=failure.retry_at)
    return _because(failure, Health.UNHEALTHY if facts.failures_in_a_row >= UNWELL_AFTER else Health.DEGRADED)


def _noted(probe: Probe | None) -> str | None:
    """What a person should know of it though it is well."""
    return "; ".join(probe.notes) if probe and probe.notes else None


def _because(failure: Failure, verdict: Health) -> Verdict:
    return Verdict(health=verdict, reason=failure.message, remedy=failure.remedy)
