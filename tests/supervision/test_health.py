"""How a provider is, for all that may be known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jelmored.domain.failures import Failure
from jelmored.domain.models import BreakerState, Health
from jelmored.errors import ErrorKind
from jelmored.providers.base import Probe
from jelmored.supervision.breaker import Breaker
from jelmored.supervision.cooling import Cooling
from jelmored.supervision.facts import HealthFacts
from jelmored.supervision.health import health

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def fails(kind: ErrorKind, retry_at: datetime | None = None) -> Failure:
    return Failure(kind=kind, message="what happened", remedy="what to do", retry_at=retry_at)


WELL = Probe(version="1")
ABSENT = Probe(failure=fails(ErrorKind.NOT_INSTALLED))
NETWORK = fails(ErrorKind.NETWORK)
COOLS = Cooling(failure=fails(ErrorKind.RATE_LIMITED), until=LATER)
OPEN = Breaker(failures=3, opened_at=NOW, rest=60)
HALF_OPEN = Breaker(failures=3, opened_at=NOW - timedelta(minutes=1), rest=60)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, Health.HEALTHY),
        ({"probe": WELL}, Health.HEALTHY),
        ({"enabled": False, "probe": WELL, "cooling": COOLS}, Health.DISABLED),
        ({"probe": ABSENT}, Health.DISABLED),
        ({"probe": ABSENT, "named": True}, Health.UNHEALTHY),
        ({"probe": Probe(failure=fails(ErrorKind.AUTH_REQUIRED))}, Health.UNHEALTHY),
        ({"probe": WELL, "permanent": fails(ErrorKind.BILLING)}, Health.UNHEALTHY),
        ({"probe": WELL, "fallen": fails(ErrorKind.UNAVAILABLE), "cut_off": NETWORK}, Health.UNHEALTHY),
        ({"cut_off": NETWORK, "breaker": OPEN}, Health.OFFLINE),
        ({"last_failure": NETWORK}, Health.DEGRADED),
        ({"last_failure": NETWORK, "breaker": OPEN, "cooling": COOLS}, Health.UNHEALTHY),
        ({"last_failure": NETWORK, "breaker": HALF_OPEN}, Health.DEGRADED),
        ({"breaker": OPEN}, Health.UNHEALTHY),
        ({"cooling": COOLS}, Health.DEGRADED),
        ({"cooling": Cooling(failure=NETWORK, until=NOW)}, Health.HEALTHY),
        ({"draining": True}, Health.DEGRADED),
    ],
)
def test_health(known: dict[str, Any], expected: Health) -> None:
    said = health(HealthFacts(**known), NOW)
    assert said.health is expected
    assert (said.reason is None) == (expected is Health.HEALTHY)


def test_one_that_is_well_says_what_is_to_be_known_of_it() -> None:
    facts = HealthFacts(probe=Probe(version="9", notes=("a version that was not measured", "slow")))
    said = health(facts, NOW)
    assert (said.health, said.reason) == (Health.HEALTHY, "a version that was not measured; slow")


def test_until_when_it_cools_or_its_breaker_is_open_is_said_whatever_else_is_the_matter() -> None:
    facts = HealthFacts(cooling=COOLS, breaker=OPEN, permanent=fails(ErrorKind.BILLING))
    said = health(facts, NOW)
    assert (said.health, said.cooling_until, said.breaker) == (Health.UNHEALTHY, LATER, BreakerState.OPEN)
    assert said.open_until == NOW + timedelta(seconds=60)
    said = health(facts, LATER)
    assert (said.cooling_until, said.breaker, said.open_until) == (None, BreakerState.HALF_OPEN, None)


def test_an_open_breaker_says_how_often_and_why() -> None:
    said = health(HealthFacts(last_failure=NETWORK, breaker=OPEN), NOW)
    assert (said.reason, said.remedy) == ("3 failures in a row, the last one: what happened", "what to do")


def test_an_unwell_provider_says_what_to_do() -> None:
    said = health(HealthFacts(probe=ABSENT, named=True), NOW)
    assert (said.reason, said.remedy) == ("what happened", "what to do")
