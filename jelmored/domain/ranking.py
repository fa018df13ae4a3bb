"""Who is to work for a session: every provider in order, with the reasons for and against. Pure: whoever asks brings
the facts. What a provider can't do excludes it; how it is comes next; only then what the client wants to save."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import attrs

from .ids import ProviderName
from .models import BreakerState, Health, ModelInfo, ProviderCapabilities, ProviderView
from .offers import Offer, typical_turn_usd
from .requirements import Optimize, Requirements
from .times import to_rfc3339


class Obstacle(enum.StrEnum):
    """Why a provider can't be chosen; of several the first of this list counts, so that one which passes by itself is
    only told when nothing else is in the way."""

    EXCLUDED = "excluded"
    """Whoever asks does not want this one."""
    NOT_BY_ITSELF = "not_by_itself"
    """The configuration, or what it is, forbids to choose it where nobody names it."""
    DISABLED = "disabled"
    MODEL = "model"
    CAPABILITY = "capability"
    CONTEXT = "context"
    COST = "cost"
    BUDGET = "budget"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    OFFLINE = "offline"
    BREAKER = "breaker"
    COOLING = "cooling"
    FULL = "full"

    @property
    def passes(self) -> bool:
        """It ends by itself: whoever asks may wait."""
        return self in PASSING


PASSING = frozenset({Obstacle.OFFLINE, Obstacle.BREAKER, Obstacle.COOLING, Obstacle.FULL})

_ORDER = {obstacle: number for number, obstacle in enumerate(Obstacle)}

Fault = tuple[Obstacle, str]

PROVIDER_CAPABILITIES = frozenset(field.name for field in attrs.fields(ProviderCapabilities))
MODEL_CAPABILITIES = frozenset({"tools", "images", "documents", "thinking"})
"""Where both have a say, the provider has to pass on what the model can take."""


@attrs.frozen(kw_only=True)
class Candidate:
    """A provider, as it is now.

    Args:
        index: its place in the configuration, from 0.
        named: a configuration file names it.
        by_itself: it may be chosen where nobody names it; a demo may not.
        full: why no place is free for another agent, in words; None: one is, or somebody idle can be put to sleep.
        trial_free: a half-open breaker has no prompt as its trial yet.
        budget_left_usd: of what may be spent there; None: no limit.
    """

    view: ProviderView
    offer: Offer = Offer()
    index: int
    named: bool = True
    by_itself: bool = True
    full: str | None = None
    trial_free: bool = True
    budget_left_usd: float | None = None

    @property
    def name(self) -> ProviderName:
        return self.view.name


@attrs.frozen(kw_only=True)
class Policy:
    """What the configuration says of choosing.

    Args:
        default: first where nothing else decides.
        auto_selection: False: the default one or none, unless another is named.
        failover_order: those to go on at, best first; none: the named ones in the order of the configuration.
        optimize: what decides where the client wants nothing, the first before the next.
    """

    default: str
    auto_selection: bool = True
    failover_order: tuple[ProviderName, ...] = ()
    optimize: tuple[Optimize, ...] = ()


@attrs.frozen(kw_only=True)
class Ranked:
    """A provider in its place.

    Args:
        model: what to ask it for, as it names it; None: its default will do, or none would.
        against: why it can't begin, in words.
        merits: what speaks for it.
        obstacle: the first thing against it.
    """

    provider: ProviderName
    model: str | None = None
    against: tuple[str, ...]
    merits: tuple[str, ...]
    obstacle: Obstacle | None = None

    @property
    def accepted(self) -> bool:
        return self.obstacle is None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Against it first, then for it."""
        return self.against + self.merits


@attrs.frozen(kw_only=True)
class _Question:
    requirements: Requirements
    policy: Policy
    now: datetime
    wanted: ProviderName | None
    failover: bool
    exclude: frozenset[ProviderName]

    @property
    def optimize(self) -> tuple[Optimize, ...]:
        own = self.requirements.optimize
        return (own, *self.policy.optimize) if own else self.policy.optimize


_Key = tuple[object, ...]


def rank(
    requirements: Requirements,
    candidates: Sequence[Candidate],
    policy: Policy,
    now: datetime,
    *,
    wanted: ProviderName | None = None,
    failover: bool = False,
    exclude: frozenset[ProviderName] = frozenset(),
) -> tuple[Ranked, ...]:
    """Every provider: those that can begin, those that might soon, those that can't; each group best first.

    Args:
        wanted: the one that the client names; all others are excluded.
        failover: a conversation leaves its provider: it goes only to those that the configuration names.
        exclude: those that have refused in this turn.
    """
    question = _Question(
        requirements=requirements, policy=policy, now=now, wanted=wanted, failover=failover, exclude=exclude
    )
    judged = [_judged(candidate, question) for candidate in candidates]
    return tuple(ranked for _, ranked in sorted(judged, key=lambda pair: pair[0]))


def _judged(candidate: Candidate, question: _Question) -> tuple[_Key, Ranked]:
    model, unfit = _fitting(candidate, question.requirements)
    faults = [*_unwanted(candidate, question), *_unable(candidate, question.requirements), *unfit]
    faults += _unwell(candidate, question.now)
    obstacle = min((fault[0] for fault in faults), key=_ORDER.__getitem__, default=None)
    ranked = Ranked(
        provider=candidate.name,
        model=model.name if model and not unfit and _demands(question.requirements) else None,
        against=tuple(words for _, words in faults),
        merits=tuple(_merits(candidate, model, question)),
        obstacle=obstacle,
    )
    return _key(candidate, model, obstacle, question), ranked


def _demands(asked: Requirements) -> bool:
    """The default model need not be the one that does."""
    of_model = any(_is_of_model(capability) for capability in map(_snake, asked.capabilities))
    return bool(asked.model or of_model or asked.min_context or asked.max_cost_usd is not None)


def _is_of_model(capability: str) -> bool:
    return capability in MODEL_CAPABILITIES or capability not in PROVIDER_CAPABILITIES


# What is against it


def _unwanted(candidate: Candidate, question: _Question) -> Iterator[Fault]:
    """Somebody decided so, whatever the provider can."""
    name, policy = candidate.name, question.policy
    if name in question.exclude:
        yield Obstacle.EXCLUDED, "refused in this turn"
    if question.wanted is not None:
        if question.wanted != name:
            yield Obstacle.EXCLUDED, f"{question.wanted} is asked for"
    elif question.failover and policy.failover_order:
        if name not in policy.failover_order:
            yield Obstacle.NOT_BY_ITSELF, "not in failover.order"
    elif question.failover and not candidate.named:
        yield Obstacle.NOT_BY_ITSELF, "no configuration names it, so no conversation goes on there by itself"
    elif question.failover or name != policy.default:
        yield from _reserved(candidate, policy, question)


def _reserved(candidate: Candidate, policy: Policy, question: _Question) -> Iterator[Fault]:
    if not candidate.by_itself:
        yield Obstacle.NOT_BY_ITSELF, f"a {candidate.view.type} is used only when it is asked for"
    if not question.failover and not policy.auto_selection:
        yield Obstacle.NOT_BY_ITSELF, "auto_selection is off, and it is not the default"


def _unable(candidate: Candidate, asked: Requirements) -> Iterator[Fault]:
    """What the provider itself lacks, whatever its models can."""
    view = candidate.view
    if view.health is Health.DISABLED:
        yield Obstacle.DISABLED, _because("disabled", view.reason)
    for capability in map(_snake, asked.capabilities):
        if capability in PROVIDER_CAPABILITIES and not getattr(view.capabilities, capability):
            yield Obstacle.CAPABILITY, f"can't do {capability}"
    if candidate.budget_left_usd is not None and candidate.budget_left_usd <= 0:
        yield Obstacle.BUDGET, "its budget is spent"


def _fitting(candidate: Candidate, asked: Requirements) -> tuple[ModelInfo | None, list[Fault]]:
    """The first model that does; else the first that comes near, with what it lacks."""
    offer = candidate.offer
    if not offer.models:
        return None, list(_unknown(asked))
    models = offer.named(asked.model) if asked.model else offer.usual
    if not models:
        return None, [(Obstacle.MODEL, f"does not have {asked.model}, nor an equivalent")]
    near = [(model, list(_lacks(model, asked))) for model in models]
    return next((pair for pair in near if not pair[1]), near[0])


def _unknown(asked: Requirements) -> Iterator[Fault]:
    """Its models are not known: it may have the one that is asked for, and nothing else is taken on trust."""
    for capability in map(_snake, asked.capabilities):
        if capability not in PROVIDER_CAPABILITIES:
            yield Obstacle.CAPABILITY, f"its models are not known, nor whether one can do {capability}"
    if asked.min_context:
        yield Obstacle.CONTEXT, "its models are not known, nor their windows"
    if asked.max_cost_usd is not None:
        yield Obstacle.COST, "its models are not known, nor their prices"


def _lacks(model: ModelInfo, asked: Requirements) -> Iterator[Fault]:
    for capability in map(_snake, asked.capabilities):
        if _is_of_model(capability) and capability not in model.capabilities:
            yield Obstacle.CAPABILITY, f"{model.name} can't do {capability}"
    if asked.min_context and model.context_length < asked.min_context:
        has = f"holds {model.context_length:,} tokens" if model.context_length else "has a window of unknown size"
        yield Obstacle.CONTEXT, f"{model.name} {has}, {asked.min_context:,} are asked for"
    if asked.max_cost_usd is not None:
        yield from _too_dear(model, asked.max_cost_usd)


def _too_dear(model: ModelInfo, most: float) -> Iterator[Fault]:
    if model.prices is None:
        yield Obstacle.COST, f"what {model.name} costs is not known"
    elif (cost := typical_turn_usd(model.prices)) > most:
        yield Obstacle.COST, f"a typical turn of {model.name} costs {_usd(cost)}, more than {_usd(most)}"


def _unwell(candidate: Candidate, now: datetime) -> Iterator[Fault]:
    """How it is at the moment."""
    view = candidate.view
    if view.health is Health.UNHEALTHY and view.breaker is not BreakerState.OPEN:
        yield Obstacle.UNHEALTHY, _because("unhealthy", view.reason, view.remedy)
    if view.draining:
        yield Obstacle.DRAINING, "drained: it takes no new turns"
    if view.health is Health.OFFLINE:
        yield Obstacle.OFFLINE, _because("offline", view.reason)
    if view.breaker is BreakerState.OPEN:
        yield Obstacle.BREAKER, _because("it failed too often and is left alone for a while", view.reason)
    elif view.breaker is BreakerState.HALF_OPEN and not candidate.trial_free:
        yield Obstacle.BREAKER, "another prompt is its trial now"
    if view.cooling_until and view.cooling_until > now:
        yield Obstacle.COOLING, _because(f"rests until {to_rfc3339(view.cooling_until)}", view.reason)
    if candidate.full:
        yield Obstacle.FULL, candidate.full


# What is for it


def _merits(candidate: Candidate, model: ModelInfo | None, question: _Question) -> Iterator[str]:
    view, asked = candidate.view, question.requirements
    if model is not None:
        yield model.name if asked.model in (None, model.name) else f"has {asked.model} as {model.name}"
    if view.health is Health.HEALTHY:
        yield "healthy"
    elif view.health is Health.DEGRADED:
        yield _because("degraded", view.reason)
    if view.breaker is BreakerState.HALF_OPEN and candidate.trial_free:
        yield "the next prompt is its trial"
    yield f"{view.runs.active} of {view.runs.max} places taken"
    if model is not None and model.prices is not None:
        yield f"a typical turn costs {_usd(typical_turn_usd(model.prices))}"
    if view.latency_ms is not None:
        yield f"first words after {view.latency_ms / 1000:.1f} s"
    if candidate.name == question.policy.default:
        yield "the default provider"


# The order

_WELL = {Health.HEALTHY: 0, Health.DEGRADED: 1}


def _key(candidate: Candidate, model: ModelInfo | None, obstacle: Obstacle | None, question: _Question) -> _Key:
    hindered = 0 if obstacle is None else 1 if obstacle.passes else 2
    wishes = [_measure(wish, candidate, model) for wish in question.optimize]
    return hindered, _wellness(candidate.view), *wishes, _priority(candidate, question), candidate.index


def _wellness(view: ProviderView) -> int:
    return _WELL.get(view.health, 3) if view.breaker is BreakerState.CLOSED else max(2, _WELL.get(view.health, 3))


def _measure(wish: Optimize, candidate: Candidate, model: ModelInfo | None) -> tuple[bool, float]:
    """Small is good; what is not known comes last."""
    value: float | None
    match wish:
        case Optimize.LOAD:
            value = candidate.view.runs.active / candidate.view.runs.max
        case Optimize.COST:
            value = typical_turn_usd(model.prices) if model and model.prices else None
        case Optimize.LATENCY:
            value = candidate.view.latency_ms
    return value is None, value or 0.0


def _priority(candidate: Candidate, question: _Question) -> int:
    policy = question.policy
    if not question.failover:
        return int(candidate.name != policy.default)
    order = policy.failover_order
    return order.index(candidate.name) if candidate.name in order else len(order)


# Words


def _because(what: str, *why: str | None) -> str:
    return ": ".join([what, *(words for words in why if words)])


def _usd(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}"


def _snake(capability: str) -> str:
    """`mcpServers` → `mcp_servers`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", capability).lower()
