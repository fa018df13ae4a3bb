from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jelmored.actors.running import running
from jelmored.domain.budget import Budget, day_of
from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.usage import Usage, UsageEntry
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.turn.purse import Purse, over_budget

SESSIONS = st.sampled_from([SessionId("ses_one"), SessionId("ses_two")])
CENTS = st.integers(0, 100)


class Spending(RuleBasedStateMachine):
    """Beside a plain list of what was spent when."""

    def __init__(self) -> None:
        super().__init__()
        self.time = datetime(2026, 11, 27, 12, tzinfo=UTC)
        self.purse = Purse(Budget(per_day_usd=1), now=lambda: self.time)
        self.settled: list[tuple[str, int]] = []
        self.in_hand: dict[SessionId, int] = {}

    @rule(session_id=SESSIONS, cents=CENTS)
    def hold(self, session_id: SessionId, cents: int) -> None:
        self.purse.hold(session_id, Usage(cost_usd=cents / 100))
        self.in_hand[session_id] = cents

    @rule(session_id=SESSIONS, cents=CENTS, notional=st.booleans())
    def settle(self, session_id: SessionId, cents: int, *, notional: bool) -> None:
        cost = cents / 100
        self.purse.settle(session_id, Usage(cost_usd=cost, notional=notional, notional_usd=cost * notional))
        self.in_hand.pop(session_id, None)
        self.settled.append((day_of(self.time), 0 if notional else cents))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.time += timedelta(hours=hours)

    @invariant()
    def the_day_has_cost_what_it_has(self) -> None:
        today = sum(cents for day, cents in self.settled if day == day_of(self.time)) + sum(self.in_hand.values())
        assert self.purse.spent == pytest.approx(today / 100)
        if today != 100:
            assert (self.purse.verdict is not None) == (today > 100)


TestSpending = Spending.TestCase


async def test_a_new_life_knows_what_the_day_has_cost() -> None:
    journal, today = MemoryJournal(), datetime(2026, 11, 27, 23, tzinfo=UTC)

    def spent(day: str, usage: Usage) -> UsageEntry:
        return UsageEntry(
            day=day, session_id=SessionId("ses_one"), provider=ProviderName("claude"), model="opus", usage=usage
        )

    kept = (
        spent("2026-11-26", Usage(cost_usd=5)),
        spent("2026-11-27", Usage(cost_usd=0.5)),
        spent("2026-11-27", Usage(cost_usd=2, notional=True, notional_usd=2)),
    )
    async with running(journal.run):
        await journal.append([Batch(session_id=SessionId("ses_one"), usage=kept)])
        for count, expected in ((False, 0.5), (True, 2.5)):
            purse = Purse(Budget(per_day_usd=1, count_notional=count), now=lambda: today)
            await purse.recall(journal)
            assert purse.spent == expected


def test_a_refusal_says_when_to_come_again() -> None:
    purse = Purse(Budget(per_day_usd=1))
    purse.settle(SessionId("ses_one"), Usage(cost_usd=1))
    assert purse.verdict is not None
    assert 0 < (over_budget(purse.verdict).retry_after or 0) <= 86_400


def test_what_counts_is_the_budget_s_matter_whenever_that_changes() -> None:
    today = datetime(2026, 11, 27, 12, tzinfo=UTC)
    purse = Purse(Budget(per_day_usd=4), now=lambda: today)
    one, two = SessionId("ses_one"), SessionId("ses_two")
    purse.settle(one, Usage(cost_usd=1))
    purse.settle(one, Usage(cost_usd=2, notional=True, notional_usd=2))
    purse.settle(one, Usage(notional=True))
    purse.hold(two, Usage(cost_usd=3, notional=True, notional_usd=3))
    assert (purse.spent, purse.verdict) == (1, None)
    purse.budget = Budget(per_day_usd=4, count_notional=True)
    assert purse.spent == 6
    assert purse.verdict is not None
    purse.budget = Budget(per_day_usd=0.5)
    assert purse.spent == 1
    assert purse.verdict is not None
