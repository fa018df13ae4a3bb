"""The choice of a provider for who uses the package as a library: the providers themselves are looked at, once, and
ranked as the daemon would."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from jelmored.domain.catalogue import Catalogue
from jelmored.domain.failures import Failure
from jelmored.domain.models import Health, ProviderView, RunCount
from jelmored.domain.offers import Offer
from jelmored.domain.ranking import Candidate, Policy, Ranked, rank
from jelmored.domain.requirements import Requirements
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, ProviderUnavailableError

from .base import BaseProvider, Probe

LOOK = 15.0  # seconds for all of them together; a provider promises 10
SILENT = Probe(failure=Failure(kind=ErrorKind.UNAVAILABLE, message=f"no answer within {LOOK:.0f} s"))


async def select_best_provider(
    providers: Sequence[BaseProvider],
    requirements: Requirements = Requirements(),  # noqa: B008 - it is frozen
    *,
    catalogue: Catalogue = Catalogue(),  # noqa: B008
) -> tuple[BaseProvider, Ranked]:
    """The best of these, and what to ask it for. Looking is free of charge.

    Args:
        providers: in the order in which they are preferred.
        catalogue: completes what their agents tell of their models.

    Raises:
        ProviderUnavailableError: none will do; the message has the reasons against each.
    """
    probes = await _looked_at(providers)
    candidates = [
        Candidate(view=_view(one, probe), offer=Offer(models=catalogue.informed(probe.models)), index=index)
        for index, (one, probe) in enumerate(zip(providers, probes, strict=True))
    ]
    ranking = rank(requirements, candidates, Policy(default=""), utc_now())
    if not ranking or not ranking[0].accepted:
        told = "; ".join(f"{one.provider}: {'; '.join(one.against)}" for one in ranking)
        raise ProviderUnavailableError(ErrorKind.NO_PROVIDER, f"no provider can take it ({told or 'there is none'})")
    return next(one for one in providers if one.name == ranking[0].provider), ranking[0]


async def _looked_at(providers: Sequence[BaseProvider]) -> list[Probe]:
    probes: dict[int, Probe] = {}

    async def look(index: int, provider: BaseProvider) -> None:
        probes[index] = await provider.probe()

    with trio.move_on_after(LOOK):
        async with trio.open_nursery() as nursery:
            for index, provider in enumerate(providers):
                nursery.start_soon(look, index, provider)
    return [probes.get(index, SILENT) for index in range(len(providers))]


def _view(provider: BaseProvider, probe: Probe) -> ProviderView:
    return ProviderView(
        name=provider.name,
        type="",
        health=Health.HEALTHY if probe.failure is None else Health.UNHEALTHY,
        reason=probe.failure.message if probe.failure else None,
        remedy=probe.failure.remedy if probe.failure else None,
        capabilities=provider.capabilities,
        runs=RunCount(active=0, max=1),
    )
