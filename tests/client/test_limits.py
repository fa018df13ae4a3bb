from __future__ import annotations

from jelmored.client.limits import limited, words
from jelmored.domain.sessions import Limits

FORMER = Limits(max_turns=3, max_cost_usd=2)


def test_what_is_not_given_stays() -> None:
    assert limited(FORMER, max_turns=None, max_cost=None, turn_seconds=None) is None
    assert limited(FORMER, max_turns=None, max_cost=5, turn_seconds=90) == Limits(
        max_turns=3, max_cost_usd=5, turn_seconds=90
    )


def test_zero_lifts_a_limit() -> None:
    assert limited(FORMER, max_turns=None, max_cost=0, turn_seconds=None) == Limits(max_turns=3)


def test_in_words() -> None:
    assert words(Limits()) == []
    assert words(Limits(max_turns=3, max_cost_usd=2.5, turn_seconds=90)) == [
        "at most 3 calls a turn",
        "at most 90 s a turn",
        "at most $2.5 in all",
    ]
