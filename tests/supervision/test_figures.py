"""What is counted of a provider."""

from __future__ import annotations

from jelmored.domain.models import QuotaWindow
from jelmored.supervision.figures import QUOTA_WINDOWS, Figures


def test_the_latency_follows_the_newest_answers() -> None:
    figures = Figures()
    figures.note_answer(2)
    assert figures.latency_ms == 2000
    for _ in range(20):
        figures.note_answer(0.5)
    assert figures.latency_ms is not None
    assert 500 < figures.latency_ms < 510


def test_turns_restarts_and_failovers_are_counted() -> None:
    figures = Figures()
    figures.note_turn(failed=True, cost_usd=0)
    figures.note_turn(failed=False, cost_usd=0.25)
    figures.note_restart()
    figures.note_failover()
    counters = figures.counters
    assert (counters.turns, counters.failures, counters.restarts, counters.failovers) == (2, 1, 1, 1)
    assert counters.cost_usd == 0.25


def test_a_quota_is_news_when_it_is_another_and_their_number_is_bounded() -> None:
    figures = Figures()
    half = QuotaWindow(window="week", used_percent=50)
    assert [figures.note_quota(half), figures.note_quota(half)] == [True, False]
    assert figures.note_quota(QuotaWindow(window="week", used_percent=60))
    for number in range(QUOTA_WINDOWS):
        figures.note_quota(QuotaWindow(window=str(number)))
    assert len(figures.quota) == QUOTA_WINDOWS
