"""Where a session goes: which provider begins it, what follows when a run fails, and where it goes on."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from datetime import datetime

import attrs

from jelmored.config.settings import FailoverSettings, Return
from jelmored.domain.failures import Failure, RunClass, RunEnd
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import Health, ProviderView
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import DocumentBlock, ImageBlock, Prompt, WhenUnavailable
from jelmored.domain.ranking import PASSING, Obstacle, Ranked
from jelmored.domain.requirements import Requirements
from jelmored.domain.sessions import Facts
from jelmored.errors import ErrorKind, Refused
from jelmored.supervision.providers import Providers

ELSEWHERE = frozenset({RunClass.UNAVAILABLE, RunClass.THROTTLED, RunClass.PERMANENT})
"""Classes of failure that another provider may not have."""
SOFT = frozenset({Obstacle.COOLING, Obstacle.UNHEALTHY})
"""It may have come round: whoever has no other provider asks it all the same."""


class Next(enum.Enum):
    """What becomes of the turn whose run is gone."""

    RESTART = "the same provider, with the agent's own resume"
    CONTINUE = "the same, told that it was cut and what was done"
    FAIL_OVER = "another provider"
    END_TURN = "the turn ends as it is"


def choose(ranking: Sequence[Ranked], wanted: ProviderName | None = None) -> Ranked:
    """Where a session begins: at the first that can take it now, or else at the first that will by itself.

    Args:
        ranking: of all providers, as the client's requirements have it.
        wanted: the one that the client named. It is taken also if it is unwell: its agent may tell more.

    Raises:
        Refused: `no-provider`, with the reasons against each.
    """
    field = None if wanted is None else "provider"
    considered = [one for one in ranking if wanted in (None, one.provider)]
    if not considered:
        there = ", ".join(one.provider for one in ranking)
        told = f"there is no provider {wanted!r}; there are: {there}" if wanted else "no provider is configured"
        raise Refused(ErrorKind.NO_PROVIDER, told, field=field)
    for one in considered:
        if one.obstacle is None or one.obstacle.passes:
            return one
    for one in considered:
        if one.obstacle is Obstacle.UNHEALTHY:  # there is no other: its agent tells what is to be done
            return one
    told = "; ".join(f"{one.provider}: {'; '.join(one.against)}" for one in considered)
    remedy = "`jelmore providers` says what to do about each" if wanted is None else None
    raise Refused(ErrorKind.NO_PROVIDER, f"no provider can take it ({told})", remedy=remedy, field=field)


def check_there(provider: ProviderName, views: Sequence[ProviderView]) -> None:
    """A session may begin here; whether it can now is another matter.

    Raises:
        Refused: `no-provider`: it is not configured, or disabled.
    """
    view = next((view for view in views if view.name == provider), None)
    if view is None:
        there = ", ".join(view.name for view in views)
        raise Refused(ErrorKind.NO_PROVIDER, f"there is no provider {provider!r}; there are: {there}", field="provider")
    if view.health is Health.DISABLED:
        raise Refused(ErrorKind.NO_PROVIDER, f"provider {provider} is disabled: {view.reason}", field="provider")


def can_fork(provider: ProviderName, views: Sequence[ProviderView]) -> bool:
    """Its agents can begin in the middle of a conversation of theirs."""
    return any(view.capabilities.fork for view in views if view.name == provider)


def after(end: RunEnd, *, said: bool, side_effects: bool) -> Next:
    """What follows when a run ends under a turn, or its agent says that the turn has failed.

    A prompt is given again only if the agent did not get it, or crashed before anything but reading: two agents, or
    one twice, never do the same work.

    Args:
        said: the agent was given the prompt.
        side_effects: a tool was used in this turn that may have changed something.
    """
    if end.cls is RunClass.CRASH:
        return Next.CONTINUE if said and side_effects else Next.RESTART
    if end.failure is None:
        return Next.END_TURN if said else Next.RESTART
    moves = end.cls in ELSEWHERE or end.failure.kind is ErrorKind.CONTEXT_TOO_LONG
    return Next.FAIL_OVER if moves else Next.END_TURN


def after_turn(failure: Failure) -> Next:
    """What follows when an agent, which is still there, says that its turn has failed."""
    if failure.cls is RunClass.CRASH:
        return Next.END_TURN
    return after(RunEnd.failed(failure), said=True, side_effects=True)


@attrs.frozen
class Route:
    """Where work goes on. `model`: what the provider calls the one that the client asked for; None: its default."""

    provider: ProviderName
    model: str | None = None


@attrs.frozen
class Nowhere:
    """There is no such place, and why. `until`: when there may be one."""

    why: str
    until: datetime | None = None


class Router:
    """Where the work of a session goes on when its provider can't do it.

    Args:
        settings: `[failover]`.
    """

    def __init__(self, providers: Providers, settings: FailoverSettings) -> None:
        self.settings = settings
        self._providers = providers

    def obstacle(self, facts: Facts, prompt: Prompt | None, *, placed: bool) -> Failure | None:
        """Why no turn should begin at the session's provider now. One that cools, or that only a person can mend, is
        asked all the same when there is no other: it may have come round.

        Args:
            placed: its agent is there: it needs no further place.
        """
        obstacle, failure = self._hindrance(facts, prompt, placed=placed)
        if failure is None or obstacle not in SOFT:
            return failure
        onward = self.onward(facts, prompt, refused=(), failure=failure)
        return failure if isinstance(onward, Route) else None

    def refusal(self, facts: Facts, prompt: Prompt | None, *, placed: bool) -> Nowhere | None:
        """Why no provider can take it now. `placed`: as above."""
        _, failure = self._hindrance(facts, prompt, placed=placed)
        if failure is None:
            return None
        route = self.onward(facts, prompt, refused=(), failure=failure)
        return route if isinstance(route, Nowhere) else None

    def _hindrance(
        self, facts: Facts, prompt: Prompt | None, *, placed: bool
    ) -> tuple[Obstacle | None, Failure | None]:
        found = self._found(facts.provider, _asked(facts, prompt))
        if found is None:
            told = f"provider {facts.provider} is not configured any more"
            return None, Failure(kind=ErrorKind.NO_PROVIDER, message=told)
        if (found.obstacle is Obstacle.OFFLINE and not self.offline) or (found.obstacle is Obstacle.FULL and placed):
            return None, None
        return found.obstacle, _hindered(found, self._providers.view(facts.provider), prompt)

    def onward(
        self,
        facts: Facts,
        prompt: Prompt | None,
        *,
        refused: Collection[ProviderName],
        failure: Failure,
        under_way: bool = False,
    ) -> Route | Nowhere:
        """Another provider for the turn in hand.

        Args:
            refused: providers that have failed in this turn.
            failure: why the session's own can't do it.
            under_way: the turn fails if there is none: then one that cools is asked too, unless the prompt may wait.
        """
        if not self.settings.enabled:
            return Nowhere("", failure.retry_at)
        if facts.pin:
            return Nowhere(f"the session is pinned to {facts.provider}", failure.retry_at)
        asked = _asked(facts, prompt)
        if failure.kind is ErrorKind.CONTEXT_TOO_LONG:
            window = self.window(facts.provider, facts.model or facts.routed_model or facts.wanted_model) or 0
            asked = attrs.evolve(asked, min_context=max(asked.min_context or 0, window + 1))
        others = frozenset({facts.provider, *refused})
        ranking = self._providers.rank(asked, failover=True, exclude=others)
        may_wait = prompt is not None and prompt.when_unavailable is WhenUnavailable.WAIT
        will_do = {None, Obstacle.COOLING} if under_way and not may_wait else {None}
        for ranked in ranking:
            if ranked.obstacle in will_do:
                return Route(ranked.provider, ranked.model)
        return self._nowhere(ranking, failure)

    def choice(self, facts: Facts, provider: ProviderName | None, model: str | None) -> Route:
        """Where a client wants the session to be.

        Args:
            provider: None: any other.
            model: None: the one that it has, or an equivalent.

        Raises:
            Refused: `no-provider`, `model-not-supported`, with the reasons.
        """
        asked = attrs.evolve(_asked(facts, None), model=model or facts.wanted_model or facts.requirements.model)
        others = frozenset({facts.provider}) if provider is None else frozenset()
        ranking = self._providers.rank(asked, wanted=provider, exclude=others)
        forbids = _FORBIDS_MOVE if provider else _FORBIDS_MOVE | {Obstacle.UNHEALTHY}
        best = next((ranked for ranked in ranking if ranked.obstacle not in forbids), None)
        if best is None:
            raise _cant_move(provider, ranking)
        return Route(best.provider, best.model)

    def settled(self, facts: Facts, provider: ProviderName | None) -> Route:
        """Where a session goes on that comes from another daemon: where it was, if that is configured here.

        Args:
            provider: as the client wants it; None: it does not matter.

        Raises:
            Refused: `no-provider`, with the reasons.
        """
        views = self._providers.views()
        if provider is not None:
            check_there(provider, views)
        there = any(view.name == facts.provider and view.health is not Health.DISABLED for view in views)
        if (provider is None and there) or provider == facts.provider:
            return Route(facts.provider, facts.routed_model)
        if provider is None and facts.pin:
            told = f"the session is pinned to {facts.provider}, which can't be used here"
            raise Refused(ErrorKind.NO_PROVIDER, told, remedy="name another one: provider", field="provider")
        chosen = choose(self._providers.rank(_asked(facts, None), wanted=provider), provider)
        return Route(chosen.provider, chosen.model)

    def way_back(self, facts: Facts, prompt: Prompt | None) -> Route | None:
        """To the provider that the session has left, when it is well again and the configuration wants it."""
        if self.settings.return_ is Return.NEVER or facts.home is None or facts.pin:
            return None
        found = self._found(facts.home, _asked(facts, prompt))
        return Route(found.provider, found.model) if found is not None and found.accepted else None

    def window(self, provider: ProviderName, model: str | None) -> int | None:
        """Tokens; None: not known."""
        candidate = next((one for one in self._providers.candidates() if one.name == provider), None)
        if candidate is None:
            return None
        models = candidate.offer.named(model) if model else candidate.offer.usual
        return models[0].context_length or None if models else None

    @property
    def offline(self) -> bool:
        """The network is gone for all: no provider is to blame. Of a single one that can't be known (design 2)."""
        if not self._providers.offline:
            return False
        there = [
            one for one in self._providers.candidates() if one.by_itself and one.view.health is not Health.DISABLED
        ]
        return len(there) > 1

    def steers(self, provider: ProviderName) -> bool:
        """What is said to an agent there while it works reaches it."""
        return self._providers[provider].capabilities.steer

    def note_failover(self, provider: ProviderName) -> None:
        """A session leaves it because it failed."""
        self._providers[provider].note_failover()

    def _found(self, provider: ProviderName, asked: Requirements) -> Ranked | None:
        ranking = self._providers.rank(asked, wanted=provider)
        return next((ranked for ranked in ranking if ranked.provider == provider), None)

    def _nowhere(self, ranking: Sequence[Ranked], failure: Failure) -> Nowhere:
        told = [ranked for ranked in ranking if ranked.obstacle not in (Obstacle.EXCLUDED, Obstacle.NOT_BY_ITSELF)]
        views = {view.name: view for view in self._providers.views()}
        ends = [views[ranked.provider] for ranked in told if ranked.obstacle in PASSING]
        times = [failure.retry_at, *(view.cooling_until for view in ends), *(view.open_until for view in ends)]
        why = "; ".join(f"{ranked.provider}: {ranked.reasons[0]}" for ranked in told)
        return Nowhere(why, min((time for time in times if time is not None), default=None))


_FORBIDS_MOVE = frozenset(set(Obstacle) - PASSING - {Obstacle.UNHEALTHY})
"""A client may name a provider that is not well: it may know better."""


def _asked(facts: Facts, prompt: Prompt | None) -> Requirements:
    """What the session needs of a provider: what its client asked for, and what it has come to need."""
    blocks = prompt.blocks if prompt else ()
    needed = {
        "images": any(isinstance(block, ImageBlock) for block in blocks),
        "documents": any(isinstance(block, DocumentBlock) for block in blocks),
        "mcp_servers": bool(facts.mcp_servers),
        "approvals": facts.permission_mode is not PermissionMode.ALLOW_ALL,  # or its policy would not be kept
    }
    named = dict.fromkeys((*facts.requirements.capabilities, *(name for name, is_so in needed.items() if is_so)))
    model = facts.wanted_model or facts.requirements.model
    return attrs.evolve(facts.requirements, model=model, capabilities=tuple(named))


def _hindered(found: Ranked, view: ProviderView, prompt: Prompt | None) -> Failure | None:
    """As a turn that failed by it would tell it."""
    told = f"{view.name}: {found.reasons[0]}" if found.reasons else view.name
    match found.obstacle:
        case Obstacle.COOLING:
            return Failure(kind=ErrorKind.RATE_LIMITED, message=told, retry_at=view.cooling_until, remedy=view.remedy)
        case Obstacle.BREAKER:
            return Failure(kind=ErrorKind.UNAVAILABLE, message=told, retry_at=view.open_until, remedy=view.remedy)
        case Obstacle.OFFLINE:
            return Failure(kind=ErrorKind.NETWORK, message=told, remedy=view.remedy)
        case Obstacle.UNHEALTHY:
            return Failure(kind=ErrorKind.UNAVAILABLE, message=told, remedy=view.remedy)
        case Obstacle.DISABLED | Obstacle.DRAINING:
            return Failure(kind=ErrorKind.NO_PROVIDER, message=told, remedy=view.remedy)
        case Obstacle.FULL if prompt is not None and prompt.when_unavailable is WhenUnavailable.FAIL:
            return Failure(kind=ErrorKind.PROVIDER_FULL, message=told)
    return None


def _cant_move(provider: ProviderName | None, ranking: Sequence[Ranked]) -> Refused:
    considered = [ranked for ranked in ranking if provider in (None, ranked.provider)]
    told = "; ".join(f"{ranked.provider}: {', '.join(ranked.against)}" for ranked in considered if ranked.against)
    if not considered:
        told = f"there is no provider {provider!r}" if provider else "there is no other provider"
    lacks_model = any(ranked.obstacle is Obstacle.MODEL for ranked in considered if provider)
    kind = ErrorKind.MODEL_NOT_SUPPORTED if lacks_model else ErrorKind.NO_PROVIDER
    return Refused(kind, f"the session can't go there ({told})", field="provider")
