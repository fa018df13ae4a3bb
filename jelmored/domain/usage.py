"""What a turn, a session or a day took: tokens and money."""

from __future__ import annotations

import enum

import attrs

from .events import UsageNote
from .ids import ProviderName, SessionId


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens and cost in USD. `notional`: priced, but paid by a subscription, so nobody is billed for it;
    `notional_usd` is how much of the cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float = 0.0
    notional: bool = False
    notional_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def plausible(self) -> bool:
        """Sums of what `usage_of` gives are."""
        counts = (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens)
        return all(0 <= count <= MAX_COUNT for count in counts) and 0 <= self.notional_usd <= self.cost_usd <= MAX_COUNT

    @property
    def billed_usd(self) -> float:
        """What somebody pays."""
        if self.notional and not self.notional_usd:  # kept before the two were told apart
            return 0.0
        return self.cost_usd - self.notional_usd

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=_count(self.input_tokens + other.input_tokens),
            output_tokens=_count(self.output_tokens + other.output_tokens),
            cache_read_tokens=_count(self.cache_read_tokens + other.cache_read_tokens),
            cache_write_tokens=_count(self.cache_write_tokens + other.cache_write_tokens),
            cost_usd=round(self.cost_usd + other.cost_usd, 10),
            notional=self.notional or other.notional,
            notional_usd=round(self.notional_usd + other.notional_usd, 10),
        )


MAX_COUNT = 2**53 - 1
MAX_USD = 1e9
"""Of one turn. What an agent counts wrongly must not overflow the sums of all."""


def _count(tokens: int) -> int:
    return max(0, min(tokens, MAX_COUNT))


def usage_of(note: UsageNote) -> Usage:
    """What one run took for a turn, as a part of a sum."""
    return Usage(
        input_tokens=_count(note.input_tokens),
        output_tokens=_count(note.output_tokens),
        cache_read_tokens=_count(note.cache_read_tokens),
        cache_write_tokens=_count(note.cache_write_tokens),
        cost_usd=(cost := max(0.0, min(note.cost_usd, MAX_USD))),
        notional=bool(note.notional),
        notional_usd=cost if note.notional else 0.0,
    )


class UsageKey(enum.StrEnum):
    """By what usage is summed up."""

    SESSION = "session"
    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


@attrs.frozen(kw_only=True)
class UsageEntry:
    """What one run took for one turn. `day`: the UTC date at which it was told (`2026-11-27`)."""

    day: str
    session_id: SessionId
    provider: ProviderName
    model: str
    usage: Usage


@attrs.frozen(kw_only=True)
class UsageRow:
    """What several runs took together. `key`: the session's id (empty for sessions that were deleted), the provider,
    the model or the UTC date. `cost_usd` is what is billed, `notional_usd` what a subscription pays; `turns`: those
    that it was taken in, each once for every run that took part."""

    key: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float = 0.0
    notional_usd: float = 0.0
    turns: int = 0
