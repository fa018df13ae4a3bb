from __future__ import annotations

from jelmored.control.guessing import MAX_FAILURES, MAX_PEERS, WINDOW_SECONDS, Guesses


def test_ten_a_minute() -> None:
    guesses = Guesses()
    for second in range(MAX_FAILURES):
        assert guesses.wait_of("a", second) == 0
        guesses.failed("a", second)
    assert guesses.wait_of("a", 30) == WINDOW_SECONDS - 30
    assert guesses.wait_of("b", 30) == 0
    assert guesses.wait_of("a", WINDOW_SECONDS) == 0
    guesses.failed("a", WINDOW_SECONDS)
    assert guesses.wait_of("a", WINDOW_SECONDS + 0.5) == 0.5


def test_ten_thousand_tries_in_any_minutes() -> None:
    guesses, tried = Guesses(), []
    for number in range(10_000):
        now = number / 20
        if not guesses.wait_of(1, now):
            tried.append(now)
            guesses.failed(1, now)
    assert max(sum(start <= now < start + WINDOW_SECONDS for now in tried) for start in tried) == MAX_FAILURES


def test_what_is_remembered_is_bounded() -> None:
    guesses = Guesses()
    for peer in range(10 * MAX_PEERS):
        guesses.failed(peer, 0)
    assert len(guesses._failures) == MAX_PEERS
