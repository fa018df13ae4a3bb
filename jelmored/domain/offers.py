"""What one provider offers: its models, found by any of their names, and what a typical turn costs on each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs

from .models import ModelInfo, Prices

TYPICAL_FRESH, TYPICAL_CACHED, TYPICAL_OUTPUT = 20_000, 180_000, 4_000
"""Tokens of a coding agent's turn: some ten calls that read the conversation again, mostly from the cache. Assumed: it
compares prices, it predicts no bill."""

MILLION = 1_000_000


def typical_turn_usd(prices: Prices) -> float:
    """What a typical turn costs. Where the price of a cache is not told, there is none."""
    cached = prices.input_per_m_tok if prices.cache_read_per_m_tok is None else prices.cache_read_per_m_tok
    fresh = prices.input_per_m_tok if prices.cache_write_per_m_tok is None else prices.cache_write_per_m_tok
    return (TYPICAL_FRESH * fresh + TYPICAL_CACHED * cached + TYPICAL_OUTPUT * prices.output_per_m_tok) / MILLION


@attrs.frozen(kw_only=True)
class Offer:
    """Made anew when a provider's models change, so that a choice only looks up.

    Args:
        models: in the provider's order; none while they are not known.
        default: the name of the one that is run when none is asked for, where that is known.
    """

    models: tuple[ModelInfo, ...] = ()
    default: str | None = None

    def named(self, name: str) -> tuple[ModelInfo, ...]:
        """The models that answer to a name, best first: those that are called so, then the nearer equivalents."""
        return self._by_name.get(name.lower(), ())

    @cached_property
    def usual(self) -> tuple[ModelInfo, ...]:
        """All, the default one first."""
        return tuple(sorted(self.models, key=lambda model: model.name != self.default))

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[ModelInfo, ...]]:
        found: dict[str, list[tuple[int, ModelInfo]]] = {}
        for model in self.models:
            for distance, name in enumerate((model.name, *model.equivalents)):
                found.setdefault(name.lower(), []).append((distance, model))
        return {name: _nearest_first(models) for name, models in found.items()}


def _nearest_first(found: list[tuple[int, ModelInfo]]) -> tuple[ModelInfo, ...]:
    ordered = [model for _, model in sorted(found, key=lambda pair: pair[0])]
    return tuple(dict.fromkeys(ordered))
