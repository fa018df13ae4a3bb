"""What is known of a provider, for any order of what may happen to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jelmored.domain.failures import CLASS_OF, Failure, RunClass
from jelmored.domain.models import BreakerState, Health
from jelmored.errors import ErrorKind
from jelmored.providers.base import Probe
from jelmored.supervision.facts import HealthFacts
from jelmored.supervision.health import health

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL = Probe(version="1", account="ada")
LOGGED_OUT = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in")
CRASH = Failure(kind=ErrorKind.AGENT_CRASHED, message="signal 9")


def test_an_agent_that_crashes_at_its_start_counts_for_the_breaker_one_that_crashes_in_a_turn_does_not() -> None:
    facts = HealthFacts()
    for _ in range(9):
        facts = facts.failed(CRASH, NOW)
    assert facts.breaker.state(NOW) is BreakerState.CLOSED
    assert health(facts, NOW).health is Health.DEGRADED
    for _ in range(3):
        facts = facts.failed(CRASH, NOW, starting=True)
    assert facts.breaker.state(NOW) is BreakerState.OPEN


@pytest.mark.parametrize(
    ("seen", "asked", "mended"),
    [
        (WELL, False, False),  # it was so before, too
        (WELL, True, True),
        (attrs.evolve(WELL, account="bob"), False, True),
        (attrs.evolve(WELL, version="2"), False, True),
        (Probe(failure=LOGGED_OUT), True, False),
    ],
)
def test_a_look_settles_what_a_person_had_to_mend_if_it_shows_that_one_did(
    seen: Probe, asked: bool, mended: bool
) -> None:
    facts = HealthFacts(probe=WELL).failed(LOGGED_OUT, NOW)
    assert facts.waits_for_a_person
    assert (facts.probed(seen, asked=asked).permanent is None) == mended


def test_a_login_that_was_gone_and_is_back_settles_it() -> None:
    facts = HealthFacts(probe=WELL).failed(LOGGED_OUT, NOW).probed(Probe(failure=LOGGED_OUT))
    assert facts.waits_for_a_person
    facts = facts.probed(WELL)
    assert (facts.permanent, facts.waits_for_a_person) == (None, False)


def test_the_first_look_shows_no_change() -> None:
    assert HealthFacts().failed(LOGGED_OUT, NOW).probed(WELL).permanent is not None


def test_begun_anew_it_has_only_what_is_still_so() -> None:
    facts = HealthFacts(named=True, draining=True, probe=WELL).failed(LOGGED_OUT, NOW)
    for _ in range(3):
        facts = facts.failed(CRASH, NOW, starting=True)
    limited = facts.failed(Failure(kind=ErrorKind.RATE_LIMITED, message=""), NOW)
    assert limited.begun_anew() == HealthFacts(named=True, draining=True, probe=WELL, cooling=limited.cooling)


class Life(RuleBasedStateMachine):
    """Turns of any end, looks, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = HealthFacts()
        self.now = NOW

    @property
    def health(self) -> Health:
        return health(self.facts, self.now).health

    @rule(kind=st.sampled_from(sorted(CLASS_OF)), starting=st.booleans(), reset=st.none() | st.integers(-60, 7200))
    def fail(self, kind: ErrorKind, starting: bool, reset: int | None) -> None:
        retry_at = None if reset is None else self.now + timedelta(seconds=reset)
        failure = Failure(kind=kind, message=kind, retry_at=retry_at)
        before, self.facts = self.facts, self.facts.failed(failure, self.now, starting=starting)
        if failure.cls is RunClass.REQUEST:
            assert self.facts == before
        else:
            assert self.health is not Health.HEALTHY
        if failure.cls is RunClass.THROTTLED:
            assert self.facts.cooling.lasts(self.now), "every failing turn cools it"

    @rule()
    def succeed(self) -> None:
        self.facts = self.facts.succeeded(self.now)
        cools = self.facts.cooling.lasts(self.now)
        assert (self.health is Health.HEALTHY) == (not cools and not self.absent)

    @property
    def absent(self) -> bool:
        return bool(self.facts.probe and self.facts.probe.failure)

    @rule(
        probe=st.sampled_from([WELL, attrs.evolve(WELL, version="2"), Probe(failure=LOGGED_OUT)]), asked=st.booleans()
    )
    def look(self, probe: Probe, asked: bool) -> None:
        before, self.facts = self.facts, self.facts.probed(probe, asked=asked)
        assert (self.facts.cooling, self.facts.breaker) == (before.cooling, before.breaker), "it says nothing of models"

    @precondition(lambda self: self.facts.admits(self.now))
    @rule()
    def open_run(self) -> None:
        self.facts = self.facts.began(self.now)

    @rule(seconds=st.integers(0, 900))
    def time(self, seconds: int) -> None:
        """Time ends a cooling and the rest of a breaker, at the moment that was told; nothing else."""
        before, change = health(self.facts, self.now), self.facts.next_change(self.now)
        self.now += timedelta(seconds=seconds)
        if change is None or self.now < change:
            assert health(self.facts, self.now) == before
        if self.facts.permanent or self.absent:
            assert self.health is Health.UNHEALTHY

    @invariant()
    def never_healthy_while_it_cools(self) -> None:
        if self.facts.cooling.lasts(self.now):
            assert self.health is not Health.HEALTHY
            assert health(self.facts, self.now).cooling_until == self.facts.cooling.until

    @invariant()
    def a_cooling_ends_by_itself(self) -> None:
        if self.facts.cooling.until is not None:
            assert not self.facts.cooling.lasts(self.facts.cooling.until)

    @invariant()
    def it_admits_nothing_while_its_breaker_is_open(self) -> None:
        if self.facts.breaker.state(self.now) is BreakerState.OPEN:
            assert not self.facts.admits(self.now)


TestLife = Life.TestCase
