from __future__ import annotations

import random

import attrs
from hypothesis import given
from hypothesis import strategies as st

from jelmored.actors.restarts import Backoff, History, Limit, Policy

NEVER = 1_000_000
"""As a number of restarts: no rule."""

EXACT = Backoff(first=1, factor=2, limit=30, jitter=0)
FREE = Policy(limit=Limit(restarts=NEVER, period=1), unstable=NEVER, stable_after=60, backoff=EXACT)


def history(policy: Policy) -> History:
    return History(policy, random.Random(0))


def delays(policy: Policy, *lives: float) -> list[float | None]:
    """The delays after lives of so many seconds, one after the other."""
    subject, now, found = history(policy), 0.0, []
    for lived in lives:
        now += lived
        delay = subject.next_delay(now=now, lived=lived)
        found.append(delay)
        now += delay or 0
    return found


def test_delays_grow_up_to_their_limit() -> None:
    assert delays(FREE, *[0] * 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_stable_life_starts_the_backoff_anew() -> None:
    assert delays(FREE, 0, 0, 60, 0, 59.9) == [1, 2, 1, 2, 4]


def test_a_backoff_never_overflows() -> None:
    assert delays(FREE, *[0] * 2000)[-1] == 30


def test_no_more_restarts_than_the_limit_in_a_period() -> None:
    limited = attrs.evolve(FREE, limit=Limit(restarts=3, period=300))
    assert delays(limited, 0, 0, 0, 0) == [1, 2, 4, None]


def test_restarts_are_forgotten_after_the_period() -> None:
    limited = attrs.evolve(FREE, limit=Limit(restarts=2, period=100))
    assert delays(limited, 0, 0, 100, 100, 100, 0, 0) == [1, 2, 1, 1, 1, 2, None]


def test_what_counts_in_a_period_is_when_the_restarts_were_not_the_failures() -> None:
    limited = attrs.evolve(
        FREE,
        limit=Limit(restarts=2, period=50),
        stable_after=10,
        backoff=Backoff(first=1, factor=40, limit=40, jitter=0),
    )
    assert delays(limited, 0, 0, 10, 10) == [1, 40, 1, None], "restarts at 1, 41, 52; failures at 0, 1, 51, 62"


def test_the_last_of_so_many_unstable_runs_in_a_row() -> None:
    nervous = attrs.evolve(FREE, unstable=3)
    assert delays(nervous, 1, 1, 1) == [1, 2, None]
    assert delays(nervous, 1, 1, 60, 1, 1, 1) == [1, 2, 1, 2, 4, None]


def test_a_long_backoff_does_not_hide_from_both_rules() -> None:
    slow = Policy(
        limit=Limit(restarts=5, period=60),
        unstable=6,
        stable_after=300,
        backoff=Backoff(first=1, factor=2, limit=60, jitter=0),
    )
    assert delays(slow, *[10] * 6) == [1, 2, 4, 8, 16, None]


def test_a_run_that_has_stabilised_counts_as_stable_however_soon_it_ends() -> None:
    subject = history(attrs.evolve(FREE, unstable=2))
    assert subject.next_delay(now=1, lived=1) == 1
    subject.stabilised()
    assert subject.next_delay(now=3, lived=1) == 1
    assert subject.next_delay(now=5, lived=1) == 2, "stabilised() was of the run before"
    assert subject.next_delay(now=7, lived=1) is None


seconds = st.floats(min_value=0, max_value=400)
policies = st.builds(
    Policy,
    limit=st.builds(Limit, st.integers(0, 6), st.floats(min_value=1, max_value=600)),
    unstable=st.integers(1, 8),
    stable_after=st.floats(min_value=1, max_value=400),
    backoff=st.builds(
        Backoff,
        first=st.floats(min_value=0.1, max_value=5),
        factor=st.floats(min_value=1, max_value=4),
        limit=st.floats(min_value=5, max_value=120),
        jitter=st.floats(min_value=0, max_value=0.5),
    ),
)


@given(policies, st.lists(seconds, max_size=40), st.randoms(use_true_random=False))
def test_never_more_restarts_than_allowed_in_any_window(policy: Policy, lives: list[float], rng: random.Random) -> None:
    subject, now, restarts = History(policy, rng), 0.0, list[float]()
    for lived in lives:
        now += lived
        delay = subject.next_delay(now=now, lived=lived)
        if delay is None:
            break
        now += delay
        restarts.append(now)
    for first in restarts:
        assert len([at for at in restarts if first <= at < first + policy.limit.period]) <= policy.limit.restarts


@given(policies, st.lists(seconds, max_size=40), st.randoms(use_true_random=False))
def test_delays_are_within_bounds(policy: Policy, lives: list[float], rng: random.Random) -> None:
    subject, now = History(policy, rng), 0.0
    shortest = policy.backoff.first * (1 - policy.backoff.jitter)
    longest = policy.backoff.limit * (1 + policy.backoff.jitter)
    for lived in lives:
        now += lived
        delay = subject.next_delay(now=now, lived=lived)
        assert delay is None or shortest <= delay <= longest
        now += delay or 0


@given(policies, st.lists(st.tuples(seconds, st.booleans()), max_size=40))
def test_unstable_runs_are_counted_as_a_plain_model_counts_them(policy: Policy, runs: list[tuple[float, bool]]) -> None:
    policy = attrs.evolve(policy, limit=Limit(restarts=NEVER, period=1))
    subject, now, in_a_row = history(policy), 0.0, 0
    for lived, proved in runs:
        now += lived
        if proved:
            subject.stabilised()
        in_a_row = 0 if proved or lived >= policy.stable_after else in_a_row + 1
        delay = subject.next_delay(now=now, lived=lived)
        assert (delay is None) == (in_a_row >= policy.unstable)
        now += delay or 0
