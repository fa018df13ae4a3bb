"""How a provider is, for all that may be known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jelmored.domain.failures import Failure
from jelmored.domain.models import Health
from jelmored.errors import ErrorKind
from jelmored.providers.base import Probe
from jelmored.supervision.health import HealthFacts, health

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def fails(kind: ErrorKind, retry_at: datetime | None = None) -> Failure:
    return Failure(kind=kind, message="what happened", remedy="what to do", retry_at=retry_at)


WELL = Probe(version="1")
ABSENT = Probe(failure=fails(ErrorKind.NOT_INSTALLED))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, Health.HEALTHY),
        ({"probe": WELL}, Health.HEALTHY),
        ({"enabled": False, "probe": WELL}, Health.DISABLED),
        ({"probe": ABSENT}, Health.DISABLED),
        ({"probe": ABSENT, "named": True}, Health.UNHEALTHY),
        ({"probe": Probe(failure=fails(ErrorKind.AUTH_REQUIRED))}, Health.UNHEALTHY),
        ({"probe": WELL, "last_failure": fails(ErrorKind.AUTH_REQUIRED), "failures_in_a_row": 1}, Health.UNHEALTHY),
        ({"last_failure": fails(ErrorKind.NETWORK), "failures_in_a_row": 1}, Health.DEGRADED),
        ({"last_failure": fails(ErrorKind.NETWORK), "failures_in_a_row": 2}, Health.DEGRADED),
        ({"last_failure": fails(ErrorKind.NETWORK), "failures_in_a_row": 3}, Health.UNHEALTHY),
        ({"last_failure": fails(ErrorKind.AGENT_CRASHED), "failures_in_a_row": 1}, Health.DEGRADED),
        ({"last_failure": fails(ErrorKind.CONTEXT_TOO_LONG), "failures_in_a_row": 9}, Health.HEALTHY),
        ({"last_failure": fails(ErrorKind.RATE_LIMITED), "failures_in_a_row": 1}, Health.DEGRADED),
        ({"last_failure": fails(ErrorKind.RATE_LIMITED, LATER), "failures_in_a_row": 9}, Health.DEGRADED),
        ({"last_failure": fails(ErrorKind.RATE_LIMITED, NOW), "failures_in_a_row": 9}, Health.HEALTHY),
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


def test_a_provider_that_cools_says_until_when() -> None:
    facts = HealthFacts(last_failure=fails(ErrorKind.RATE_LIMITED, LATER), failures_in_a_row=1)
    assert health(facts, NOW).cooling_until == LATER
    assert health(facts, LATER).cooling_until is None


def test_an_unwell_provider_says_what_to_do() -> None:
    said = health(HealthFacts(probe=ABSENT, named=True), NOW)
    assert (said.reason, said.remedy) == ("what happened", "what to do")
