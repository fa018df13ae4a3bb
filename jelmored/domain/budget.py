"""What may be spent, and whether it is: the verdict on a session and a day, with words for a person. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta

import attrs

from jelmored.errors import ErrorKind

from .failures import Failure
from .ids import SessionId
from .sessions import MAX_LIMIT, Limits
from .usage import Usage


@attrs.frozen(kw_only=True)
class Budget:
    """In USD; 0: no limit. `count_notional`: what a subscription pays for counts too."""

    per_session_usd: float = 0
    per_day_usd: float = 0
    count_notional: bool = False

    def counted(self, usage: Usage) -> float:
        """What of this counts."""
        return usage.cost_usd if self.count_notional else usage.billed_usd

    def session_limit(self, limits: Limits) -> float:
        """A session's own limit stands for that of the configuration, a higher one too. 0: none."""
        return self.per_session_usd if limits.max_cost_usd is None else limits.max_cost_usd


def session_verdict(budget: Budget, limits: Limits, session_id: SessionId, spent: float) -> Failure | None:
    """Why this session may not go on; None while it may.

    Args:
        spent: what counts of it, in USD, with the turn in hand.
    """
    limit = budget.session_limit(limits)
    if not limit or spent < limit:
        return None
    return Failure(
        kind=ErrorKind.BUDGET_EXCEEDED,
        message=f"the session has cost {_money(spent)} of the {_money(limit)} that it may",
        remedy=_more_money(session_id, max(spent, limit)),
        evidence={"spentUsd": round(spent, 10), "limitUsd": limit},
    )


def day_verdict(budget: Budget, spent: float, now: datetime) -> Failure | None:
    """Why no session may go on today; None while they may.

    Args:
        spent: what counts of all sessions on this UTC day, in USD, with the turns in hand.
    """
    if not budget.per_day_usd or spent < budget.per_day_usd:
        return None
    return Failure(
        kind=ErrorKind.BUDGET_EXCEEDED,
        message=f"all sessions have cost {_money(spent)} today, of the {_money(budget.per_day_usd)} that they may",
        remedy="raise budget.per_day_usd in the configuration and run `jelmore daemon reload`, or wait until 00:00 UTC",
        retry_at=day_after(now),
        evidence={"spentUsd": round(spent, 10), "limitUsd": budget.per_day_usd},
    )


def turn_verdict(limits: Limits, session_id: SessionId, seconds: float) -> Failure | None:
    """Why the turn in hand may not go on; None while it may.

    Args:
        seconds: that it has lasted, the time left out in which it waited for a person.
    """
    limit = limits.turn_seconds
    if limit is None or seconds < limit:
        return None
    return Failure(
        kind=ErrorKind.BUDGET_EXCEEDED,
        message=f"the turn has lasted the {limit:g} seconds that it may",
        remedy=_more_time(session_id, limit),
        evidence={"limitSeconds": limit},
    )


def day_of(moment: datetime) -> str:
    """The UTC date, as usage is kept by it."""
    return moment.astimezone(UTC).date().isoformat()


def day_after(moment: datetime) -> datetime:
    """When the next UTC day begins."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def _more_money(session_id: SessionId, taken: float) -> str:
    if taken >= MAX_LIMIT:
        return f"no limit can be so high; what a fork takes is counted anew: jelmore fork {session_id}"
    more = min(math.ceil(taken * 200) / 100, MAX_LIMIT)
    return f"raise it: jelmore set {session_id} --max-cost {more:g}"


def _more_time(session_id: SessionId, limit: float) -> str:
    if limit >= MAX_LIMIT:
        return f"no limit can be higher; 0 is none: jelmore set {session_id} --turn-seconds 0"
    return f"raise it: jelmore set {session_id} --turn-seconds {min(math.ceil(limit * 2), MAX_LIMIT)}"


def _money(usd: float) -> str:
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}"
