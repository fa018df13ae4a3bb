"""All providers, each under its own supervisor: one that falls takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog
import trio

from jelmored.actors.children import Child
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running
from jelmored.actors.supervisor import Supervisor
from jelmored.domain import ranking
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.ranking import Candidate, Ranked
from jelmored.domain.requirements import Requirements
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.wire import codec

from .connectivity import Connectivity
from .cooling import Cooling
from .places import Places
from .provider import ProviderSpec, ProviderSupervisor
from .run import Grant, all_of_it

log = structlog.get_logger(__name__)

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
        journal: keeps until when they cool; None: nothing is kept.
        now: the wall clock.
        policy: how one of them is chosen.
        catalogue: what is known of models beside what their agents say.
        grant: says what an agent may have.
    """

    def __init__(
        self,
        specs: Sequence[ProviderSpec],
        *,
        max_total_runs: int,
        changed: Callable[[ProviderView], None],
        journal: Journal | None = None,
        now: Callable[[], datetime] = utc_now,
        policy: ranking.Policy = ranking.Policy(default=""),  # noqa: B008 - it is frozen
        catalogue: Catalogue = Catalogue(),  # noqa: B008
        grant: Grant = all_of_it,
    ) -> None:
        self._journal = journal
        self._now = now
        self.policy = policy
        self._catalogue = catalogue
        self._network = Connectivity(lambda: tuple(self._supervisors.values()), now)
        self.places = Places(max_total_runs, {spec.provider.name: spec.max_runs for spec in specs})
        self._supervisors: Mapping[ProviderName, ProviderSupervisor] = {
            spec.provider.name: ProviderSupervisor(
                spec,
                self.places,
                changed,
                network=self._network,
                journal=journal,
                now=now,
                catalogue=catalogue,
                grant=grant,
            )
            for spec in specs
        }

    def __getitem__(self, name: ProviderName) -> ProviderSupervisor:
        """Raises `Refused` (`not-found`) for a name that is not configured."""
        try:
            return self._supervisors[name]
        except KeyError:
            known = ", ".join(self._supervisors)
            raise Refused(ErrorKind.NOT_FOUND, f"there is no provider {name!r}; there are: {known}") from None

    def heed(
        self,
        specs: Sequence[ProviderSpec],
        *,
        max_total_runs: int,
        policy: ranking.Policy,
        look: Collection[ProviderName] = (),
    ) -> None:
        """These count from now on; no agent is ended.

        Args:
            specs: of the same providers.
            look: those that are to be looked at again.
        """
        self.policy = policy
        self.places.resize(max_total_runs, {spec.provider.name: spec.max_runs for spec in specs})
        for spec in specs:
            name = spec.provider.name
            self._supervisors[name].heed(spec, look=name in look)

    def knows(self, name: ProviderName) -> bool:
        """It is configured."""
        return name in self._supervisors

    @property
    def offline(self) -> bool:
        """The network is gone: a failure by it was nobody's fault, and no other provider that is `OFFLINE` will do. A
        turn that failed so may be given again when it is over; `when_online` tells."""
        return self._network.offline

    def when_online(self, callback: Callable[[], None]) -> None:
        """Call this once when `offline` has become false, at once if it is. The next prompt may fail by the network
        again: nobody has tried a model meanwhile, only its server. The callback must not raise."""
        self._network.when_online(callback)

    @property
    def runs(self) -> int:
        """Agents at work."""
        return self.places.taken

    def views(self) -> tuple[ProviderView, ...]:
        return tuple(supervisor.view() for supervisor in self._supervisors.values())

    def candidates(self) -> tuple[Candidate, ...]:
        """For the choice between them."""
        return tuple(one.candidate(index) for index, one in enumerate(self._supervisors.values()))

    def view(self, name: ProviderName) -> ProviderView:
        return self[name].view()

    def rank(
        self,
        requirements: Requirements,
        *,
        wanted: ProviderName | None = None,
        failover: bool = False,
        exclude: frozenset[ProviderName] = frozenset(),
    ) -> tuple[Ranked, ...]:
        """All of them as they are now, in order, with reasons; see `jelmored.domain.ranking`."""
        return ranking.rank(
            requirements,
            self.candidates(),
            self.policy,
            self._now(),
            wanted=wanted,
            failover=failover,
            exclude=exclude,
        )

    def refuse_retired(self, model: str) -> None:
        """
        Raises:
            Refused: `model-retired`, for one that is gone, unless an agent lists it all the same.
        """
        successor = self._catalogue.successor(model)
        listed = (info.name for one in self._supervisors.values() for info in one.offer.models)
        if successor is not None and model not in listed:
            told = f"use its successor {successor}"
            raise Refused(ErrorKind.MODEL_RETIRED, f"{model} is retired", remedy=told, field="model")

    async def check(self, name: ProviderName) -> ProviderView:
        """A live look, free of charge."""
        return await self[name].check()

    async def restart(self, name: ProviderName) -> ProviderView:
        """End its runs cleanly, and start it again."""
        return await self[name].restart()

    def drain(self, name: ProviderName) -> ProviderView:
        """Let turns in hand end, and take no others."""
        return self[name].drain()

    def undrain(self, name: ProviderName) -> ProviderView:
        return self[name].undrain()

    async def models(self, name: ProviderName | None = None) -> tuple[ModelInfo, ...]:
        """Of one provider, or of all that are switched on."""
        chosen = [self[name]] if name else [one for one in self._supervisors.values() if one.enabled]
        return tuple([model for supervisor in chosen for model in await supervisor.models()])

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """One for one, until cancelled; then all end their runs at once."""
        await self._remember()
        kept = Supervisor("providers", [], POLICY)
        async with running(self._network.run), running(kept.run):
            for name, supervisor in self._supervisors.items():
                await kept.start_child(Child(name, supervisor.run, essential=False))
            task_status.started()
            await trio.sleep_forever()

    async def _remember(self) -> None:
        """What a former life of the daemon has kept; of a provider that is configured no more, nothing."""
        kept = await self._journal.providers() if self._journal else {}
        for name in kept.keys() & self._supervisors.keys():
            try:
                self._supervisors[name].remember(codec.decode(kept[name], Cooling))
            except codec.InvalidValue as fault:
                log.warning("what was kept of a provider is not understood", provider=name, error=str(fault))
