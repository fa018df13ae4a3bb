"""All providers, each under its own supervisor: one that falls takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio

from jelmored.actors.children import Child
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running
from jelmored.actors.supervisor import Supervisor
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.offers import Offer
from jelmored.domain.ranking import Candidate
from jelmored.errors import ErrorKind, Refused

from .places import Places
from .provider import ProviderSpec, ProviderSupervisor

POLICY = Policy(
    limit=Limit(restarts=5, period=60),
    unstable=6,
    stable_after=300,
    backoff=Backoff(first=1, factor=2, limit=60, jitter=0.1),
)


class Providers:
    """Those that the configuration has, in its order.

    Args:
        specs: each provider and its settings.
        max_total_runs: agents at work at once, over all.
        changed: told when a provider's view is another.
    """

    def __init__(
        self, specs: Sequence[ProviderSpec], *, max_total_runs: int, changed: Callable[[ProviderView], None]
    ) -> None:
        self._places = Places(max_total_runs, {spec.provider.name: spec.max_runs for spec in specs})
        self._supervisors: Mapping[ProviderName, ProviderSupervisor] = {
            spec.provider.name: ProviderSupervisor(spec, self._places, changed) for spec in specs
        }

    def __getitem__(self, name: ProviderName) -> ProviderSupervisor:
        """Raises `Refused` (`not-found`) for a name that is not configured."""
        try:
            return self._supervisors[name]
        except KeyError:
            known = ", ".join(self._supervisors)
            raise Refused(ErrorKind.NOT_FOUND, f"there is no provider {name!r}; there are: {known}") from None

    @property
    def runs(self) -> int:
        """Agents at work."""
        return self._places.taken

    def views(self) -> tuple[ProviderView, ...]:
        return tuple(supervisor.view() for supervisor in self._supervisors.values())

    def candidates(self) -> tuple[Candidate, ...]:
        """For the choice between them."""
        return tuple(
            Candidate(view=one.view(), offer=Offer(models=one.known_models), index=index)
            for index, one in enumerate(self._supervisors.values())
        )

    def view(self, name: ProviderName) -> ProviderView:
        return self[name].view()

    async def check(self, name: ProviderName) -> ProviderView:
        """A live look, free of charge."""
        return await self[name].check()

    async def models(self, name: ProviderName | None = None) -> tuple[ModelInfo, ...]:
        """Of one provider, or of all that are switched on."""
        chosen = [self[name]] if name else [one for one in self._supervisors.values() if one.enabled]
        return tuple([model for supervisor in chosen for model in await supervisor.models()])

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """One for one, until cancelled; then all end their runs at once."""
        kept = Supervisor("providers", [], POLICY)
        async with running(kept.run):
            for name, supervisor in self._supervisors.items():
                await kept.start_child(Child(name, supervisor.run, essential=False))
            task_status.started()
            await trio.sleep_forever()
