"""What all sessions together have spent today, with the turns in hand: one for the daemon, rebuilt from the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from jelmored.domain.budget import Budget, day_of, day_verdict
from jelmored.domain.failures import Failure
from jelmored.domain.ids import SessionId
from jelmored.domain.times import utc_now
from jelmored.domain.usage import Usage, UsageKey
from jelmored.errors import Refused
from jelmored.journal.base import Journal


class Purse:
    """The money of a day. Only turns that run are remembered by session.

    Args:
        budget: what may be spent; whoever reads the configuration again sets another one.
        now: the wall clock; a day is a UTC day.
    """

    def __init__(self, budget: Budget | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.budget = budget or Budget()
        self._now = now
        self._day = day_of(now())
        self._settled = _Sum()
        self._in_hand: dict[SessionId, Usage] = {}

    async def recall(self, journal: Journal) -> None:
        """What the journal knows of today; to be called before any turn runs."""
        self._day = day_of(self._now())
        rows = await journal.usage(UsageKey.DAY, since=self._day, until=self._day)
        self._settled = _Sum(billed=sum(row.cost_usd for row in rows), notional=sum(row.notional_usd for row in rows))

    def hold(self, session_id: SessionId, usage: Usage) -> None:
        """A turn that runs has taken this up to now."""
        self._in_hand[session_id] = usage

    def settle(self, session_id: SessionId, usage: Usage) -> None:
        """A turn, or its part at one provider, has taken this and no more."""
        self._turn_page()
        self._in_hand.pop(session_id, None)
        self._settled = self._settled.with_(usage)

    @property
    def spent(self) -> float:
        """Today, in USD, of what counts."""
        self._turn_page()
        settled = self._settled.billed + (self._settled.notional if self.budget.count_notional else 0)
        return settled + sum(map(self.budget.counted, self._in_hand.values()))

    @property
    def verdict(self) -> Failure | None:
        """Why no session may go on today; None while they may."""
        if not self.budget.per_day_usd:
            return None
        return day_verdict(self.budget, self.spent, self._now())

    def _turn_page(self) -> None:
        today = day_of(self._now())
        if today != self._day:
            self._day, self._settled = today, _Sum()


@attrs.frozen(kw_only=True)
class _Sum:
    """USD; what counts of it is the budget's matter, which may change."""

    billed: float = 0.0
    notional: float = 0.0

    def with_(self, usage: Usage) -> _Sum:
        billed = usage.billed_usd
        return _Sum(billed=self.billed + billed, notional=self.notional + usage.cost_usd - billed)


def over_budget(failure: Failure) -> Refused:
    """A prompt is refused: nothing more may be spent."""
    wait = None if failure.retry_at is None else (failure.retry_at - utc_now()).total_seconds()
    return Refused(failure.kind, failure.message, remedy=failure.remedy, retry_after=wait)
