"""What a model and a provider can do, and how a provider is."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

from .ids import ProviderName


@attrs.frozen(kw_only=True)
class Prices:
    """USD per million tokens."""

    input_per_m_tok: float
    output_per_m_tok: float
    cache_read_per_m_tok: float | None = None
    cache_write_per_m_tok: float | None = None


@attrs.frozen(kw_only=True)
class ModelInfo:
    """A model as one provider offers it. `context_length` and `max_output_tokens` are in tokens."""

    name: str
    provider: ProviderName
    context_length: int
    max_output_tokens: int | None = None
    prices: Prices | None = None
    capabilities: tuple[str, ...]
    equivalents: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ProviderCapabilities:
    """What a provider's sessions can do; a client may grey out what is false. But not `fork`: that its agents can begin
    in the middle of a conversation of theirs. Elsewhere the agent of a fork is told what was said."""

    streaming: bool = True
    thinking: bool = False
    tools: bool = True
    approvals: bool = True
    images: bool = False
    documents: bool = False
    resume: bool = False
    steer: bool = False
    interrupt: bool = True
    questions: bool = False
    compact: bool = False
    fork: bool = False
    mcp_servers: bool = False


class Health(enum.StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    OFFLINE = "offline"
    DISABLED = "disabled"


class BreakerState(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@attrs.frozen(kw_only=True)
class QuotaWindow:
    """How much of a subscription's window is used, in percent, and when it begins anew; None: not told."""

    window: str
    used_percent: float | None = None
    resets_at: datetime | None = None


@attrs.frozen(kw_only=True)
class RunCount:
    active: int
    max: int


@attrs.frozen(kw_only=True)
class ProviderCounters:
    turns: int = 0
    failures: int = 0
    failovers: int = 0
    restarts: int = 0
    cost_usd: float = 0.0


@attrs.frozen(kw_only=True)
class ProviderView:
    """Provider of protocol 1, section 3. `open_until`: while the breaker is open, when it lets a prompt try."""

    name: ProviderName
    type: str
    health: Health
    reason: str | None = None
    remedy: str | None = None
    breaker: BreakerState = BreakerState.CLOSED
    open_until: datetime | None = None
    cooling_until: datetime | None = None
    draining: bool = False
    version: str | None = None
    capabilities: ProviderCapabilities = ProviderCapabilities()
    runs: RunCount
    latency_ms: float | None = None
    quota: tuple[QuotaWindow, ...] = ()
    counters: ProviderCounters = ProviderCounters()
