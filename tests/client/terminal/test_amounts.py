from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jelmored.client.terminal.amounts import age, duration, money, tokens


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 tokens"),
        (1, "1 token"),
        (999, "999 tokens"),
        (12_345, "12.3k tokens"),
        (999_949, "999.9k tokens"),
        (999_950, "1.0M tokens"),
    ],
)
def test_tokens(count: int, words: str) -> None:
    assert tokens(count) == words


def test_money_says_what_it_is() -> None:
    assert money(0.0421) == "$0.0421"
    assert money(1.5, estimated=True) == "~$1.5000"
    assert money(0.2, notional=True) == "$0.2000 (subscription)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.05, "0.1 s"),
        (8.4, "8.4 s"),
        (125, "2 min 5 s"),
        (3600 * 3 + 720, "3 h 12 min"),
        (86400 * 2 + 14400, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "now"), (59, "now"), (60, "1 min ago"), (3 * 3600, "3 h ago"), (200_000, "2 d ago")]
)
def test_ages(seconds: int, words: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert age(now - timedelta(seconds=seconds), now) == words
