"""The last line of a turn: what it took, how long, and in which session."""

from __future__ import annotations

import attrs

from jelmored.domain.events import TurnEnded, TurnReason, UsageNote
from jelmored.domain.usage import Usage

from .amounts import duration, money, tokens
from .spans import Look, Span


@attrs.define
class Bill:
    """What the runs of a turn took, summed up."""

    _used: Usage = Usage()
    _estimated: bool = False

    def add(self, note: UsageNote) -> None:
        """One run's share."""
        self._estimated = self._estimated or bool(note.estimated)
        self._used += Usage(
            input_tokens=note.input_tokens,
            output_tokens=note.output_tokens,
            cache_read_tokens=note.cache_read_tokens,
            cache_write_tokens=note.cache_write_tokens,
            cost_usd=note.cost_usd,
            notional=bool(note.notional),
        )

    def line(self, ended: TurnEnded, session: str) -> list[Span]:
        """`12.3k tokens · $0.0421 · 8.4 s · ses_abcd (name)`; before it what went wrong, if anything."""
        used = self._used
        cost = money(used.cost_usd, estimated=self._estimated, notional=used.notional)
        facts = [tokens(used.tokens), cost, duration(ended.duration_ms / 1000), session]
        return [*_reason(ended), Span(" · ".join(facts) + "\n", Look.DIM)]


def _reason(ended: TurnEnded) -> list[Span]:
    if ended.reason is TurnReason.COMPLETED:
        return []
    words = ended.reason.value.replace("_", " ")
    cause = f" ({ended.cause.value.replace('_', ' ')})" if ended.cause else ""
    return [Span(words + cause, Look.BAD), Span(" · ", Look.DIM)]
