"""Until when a throttled provider cools: as told, or else guessed, longer with each failure in a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind
from jelmored.supervision.cooling import Cooling
from jelmored.wire import codec

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def limited(retry_at: datetime | None = None) -> Failure:
    return Failure(kind=ErrorKind.RATE_LIMITED, message="slow down", retry_at=retry_at, evidence={"status": 429})


def seconds(cooling: Cooling, now: datetime) -> float:
    assert cooling.until is not None
    return (cooling.until - now).total_seconds()


def test_it_lasts_until_the_reset_that_was_told() -> None:
    cooling = Cooling().throttled(limited(NOW + HOUR), NOW)
    assert cooling.lasts(NOW + HOUR - timedelta(seconds=1))
    assert not cooling.lasts(NOW + HOUR)


def test_a_reset_that_is_past_was_not_told() -> None:
    assert seconds(Cooling().throttled(limited(NOW), NOW), NOW) == 60


def test_guesses_double_up_to_ten_minutes_and_a_good_turn_begins_anew() -> None:
    cooling, now, guesses = Cooling(), NOW, []
    for _ in range(6):
        cooling = cooling.throttled(limited(), now)
        guesses.append(seconds(cooling, now))
        assert cooling.until is not None
        now = cooling.until
    assert guesses == [60, 120, 240, 480, 600, 600]
    assert seconds(cooling.succeeded(now).throttled(limited(), now), now) == 60


def test_several_that_fail_together_are_one_failure() -> None:
    cooling = Cooling()
    for _ in range(5):
        cooling = cooling.throttled(limited(), NOW)
    assert seconds(cooling, NOW) == 60


def test_nothing_makes_it_shorter() -> None:
    cooling = Cooling().throttled(limited(NOW + HOUR), NOW)
    assert seconds(cooling.throttled(limited(), NOW), NOW) == 3600
    assert cooling.succeeded(NOW) == cooling, "that turn had begun before"
    assert seconds(cooling.throttled(limited(NOW + 2 * HOUR), NOW), NOW) == 7200


def test_it_survives_the_way_to_the_disk_and_back() -> None:
    cooling = Cooling().throttled(limited(), NOW)
    assert codec.decode(codec.encode(cooling), Cooling) == cooling
    assert codec.decode(codec.encode(Cooling()), Cooling) == Cooling()
