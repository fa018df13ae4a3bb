"""What a client asks of whoever is to work for a session (protocol 1, section 3, `requirements`)."""

from __future__ import annotations

import enum

import attrs

from .texts import Line


class Optimize(enum.StrEnum):
    """What decides between providers that would all do. None of it outweighs health."""

    LOAD = "load"
    """The smallest share of its places in use."""
    COST = "cost"
    """The price of a typical turn."""
    LATENCY = "latency"
    """The time to the first piece of an answer."""


@attrs.frozen(kw_only=True)
class Requirements:
    """`model`: it, or a declared equivalent. `capabilities`: by their names, all of them. `min_context`: tokens.
    `max_cost_usd`: of a typical turn."""

    model: Line | None = None
    capabilities: tuple[str, ...] = ()
    min_context: int | None = None
    max_cost_usd: float | None = None
    optimize: Optimize | None = None
