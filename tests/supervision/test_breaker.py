"""The breaker, against what it promises, for any order of what may happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jelmored.domain.models import BreakerState
from jelmored.supervision.breaker import OPENS_AFTER, Breaker

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(OPENS_AFTER):
        breaker = breaker.failed(NOW)
    return breaker


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_three_failures_in_a_row_open_it_for_a_minute() -> None:
    breaker = opened()
    assert breaker.state(at(59)) is BreakerState.OPEN
    assert not breaker.admits(at(59))
    assert breaker.state(at(60)) is BreakerState.HALF_OPEN
    assert breaker.admits(at(60))


def test_the_rest_doubles_up_to_ten_minutes() -> None:
    breaker, now, rests = opened(), NOW, []
    for _ in range(6):
        assert breaker.open_until is not None
        rests.append((breaker.open_until - now).total_seconds())
        now = breaker.open_until
        breaker = breaker.tried(now).failed(now)
    assert rests == [60, 120, 240, 480, 600, 600]


def test_one_trial_at_a_time() -> None:
    breaker = opened().tried(at(60))
    assert not breaker.admits(at(61))
    assert breaker.abandoned().admits(at(61))
    assert breaker.failed(at(61)).state(at(62)) is BreakerState.OPEN


def test_what_began_before_it_opened_does_not_make_its_rest_longer() -> None:
    assert opened().failed(at(30)) == opened()


def test_a_clock_that_was_set_back_does_not_keep_it_open() -> None:
    assert opened().admits(at(-3600))


class Life(RuleBasedStateMachine):
    """Failures, good turns, trials and time, against a plain account of them."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = NOW
        self.in_a_row = 0
        self.opened_at: datetime | None = None

    @rule(seconds=st.integers(0, 700))
    def time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def fail(self) -> None:
        before = self.breaker.state(self.now)
        self.breaker = self.breaker.failed(self.now)
        self.in_a_row += 1
        if before is BreakerState.HALF_OPEN:
            assert self.breaker.state(self.now) is BreakerState.OPEN, "a failed trial opens it again"
        if self.breaker.opened_at == self.now:
            self.opened_at = self.now

    @rule()
    def succeed(self) -> None:
        self.breaker = Breaker()
        self.in_a_row, self.opened_at = 0, None

    @precondition(lambda self: self.breaker.admits(self.now))
    @rule()
    def open_run(self) -> None:
        half_open = self.breaker.state(self.now) is BreakerState.HALF_OPEN
        self.breaker = self.breaker.tried(self.now)
        assert self.breaker.trial == half_open
        assert self.breaker.admits(self.now) == (not half_open), "one trial at a time"

    @rule()
    def abandon(self) -> None:
        self.breaker = self.breaker.abandoned()

    @invariant()
    def it_is_closed_before_three_failures_and_never_after(self) -> None:
        closed = self.breaker.state(self.now) is BreakerState.CLOSED
        assert closed == (self.in_a_row < OPENS_AFTER)

    @invariant()
    def it_rests_for_one_to_ten_minutes(self) -> None:
        if self.opened_at is not None and self.breaker.open_until is not None:
            assert 60 <= (self.breaker.open_until - self.opened_at).total_seconds() <= 600

    @invariant()
    def open_it_admits_nothing(self) -> None:
        if self.breaker.state(self.now) is BreakerState.OPEN:
            assert not self.breaker.admits(self.now)

    @invariant()
    def it_always_lets_somebody_try_in_the_end(self) -> None:
        assert self.breaker.abandoned().admits(self.now + timedelta(seconds=600))


TestLife = Life.TestCase
