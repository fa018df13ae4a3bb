"""The supervisor of one provider: it owns its runs in a nursery, keeps what they share alive, and knows how it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import attrs
import structlog
import trio

from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import Epoch, ProviderName
from jelmored.domain.models import (
    Health,
    ModelInfo,
    ProviderCapabilities,
    ProviderView,
    QuotaWindow,
    RunCount,
)
from jelmored.domain.offers import Offer
from jelmored.domain.ranking import Candidate
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.providers.base import BaseProvider, RunTimeouts, SessionConfig, TurnOver

from .condition import Blame, Condition
from .cooling import Cooling
from .deadlines import START
from .facts import HealthFacts
from .figures import Figures
from .places import Places
from .probing import Prober
from .records import Records
from .reports import Hear
from .run import Grant, Run, all_of_it
from .shared import Shared

log = structlog.get_logger(__name__)

STOP_GRACE = 12.0  # seconds for all runs together, of the daemon's 20
STARTING = 5.0  # seconds between two looks at a server that may be starting
IDLE_LOOKS = 30.0  # seconds at most between two looks for runs that are idle


@attrs.frozen(kw_only=True)
class ProviderSpec:
    """A provider as configured.

    Args:
        type: the name of its kind (`claude`).
        named: a configuration file names it.
        hibernate_after: seconds idle until a run is asked to end; 0 is never.
        check_interval: seconds between two looks while only a person could mend it.
        by_itself: it may be chosen where nobody names it.
        default_model: what is run where no model is asked for, if the configuration says.
    """

    provider: BaseProvider
    type: str
    enabled: bool
    named: bool
    max_runs: int
    timeouts: RunTimeouts
    hibernate_after: float
    check_interval: float = 30.0
    by_itself: bool = True
    default_model: str | None = None


class ProviderSupervisor:
    """One provider at work.

    Args:
        spec: the provider and its settings.
        places: shared by all providers.
        changed: told when the view is another.
        network: decides whether a failure is the network's.
        journal: keeps what outlives the daemon; None: nothing is.
        now: the wall clock.
        catalogue: completes what the agent tells of its models.
        grant: says what an agent may have.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        places: Places,
        changed: Callable[[ProviderView], None],
        *,
        network: Blame,
        journal: Journal | None = None,
        now: Callable[[], datetime] = utc_now,
        catalogue: Catalogue = Catalogue(),  # noqa: B008 - it is frozen
        grant: Grant = all_of_it,
    ) -> None:
        self.name: ProviderName = spec.provider.name
        self._spec = spec
        self._places = places
        self._changed = changed
        self._journal = journal
        self._catalogue = catalogue
        self._grant = grant
        self.offer = Offer(default=spec.default_model)
        """Its models, as the last look that saw any saw them, completed."""
        self.records = Records(spec.provider)
        self._condition = Condition(
            self.name,
            HealthFacts(enabled=spec.enabled, named=spec.named),
            remote=spec.provider.remote,
            network=network,
            now=now,
            tell=self._tell,
        )
        self._figures = Figures()
        self._prober = Prober(spec.provider)
        self._shared = Shared(self.name, spec.provider.run, self._condition.fallen)
        self._runs: set[Run] = set()
        self._trial: Run | None = None
        """The last one that was opened on trial."""
        self._nursery: trio.Nursery | None = None
        self.stopping = False
        """It ends its runs and takes no others."""
        self._no_runs = trio.Event()
        self._at_work = False
        """It has begun to look after itself: it was enabled once since it runs."""
        self._told = trio.Event()
        self._restarted: trio.Event | None = None
        """What a restart that is under way will set; runs that are opened meanwhile wait for it."""

    @property
    def enabled(self) -> bool:
        return self._spec.enabled

    @property
    def capabilities(self) -> ProviderCapabilities:
        return self._spec.provider.capabilities

    @property
    def runs(self) -> int:
        return self._places.count(self.name)

    # Runs

    def admits(self) -> bool:
        """A run would be let through now."""
        return self._nursery is not None and not self.stopping and self._condition.admits()

    def open_run(self, config: SessionConfig, epoch: Epoch, hear: Hear) -> Run:
        """Start a run. All that comes of it, a failed start too, is told to `hear`.

        Raises:
            Refused: `no-provider`, while this one is switched off, stopping, drained, or rests after failures.
        """
        if self._nursery is None or not self.admits():
            raise self._refusal()
        run = Run(
            epoch=epoch,
            config=config,
            provider=self._spec.provider,
            hear=hear,
            places=self._places,
            timeouts=self._spec.timeouts,
            answers=self._note_answer,
            grant=self._grant,
        )
        self._condition.began()
        if self._condition.on_trial:
            self._trial = run
        self._runs.add(run)
        self._nursery.start_soon(self._hold, run, self._restarted)
        return run

    def _refusal(self) -> Refused:
        verdict = self._condition.verdict
        why = f": {verdict.reason}" if verdict.reason else ""
        return Refused(ErrorKind.NO_PROVIDER, f"provider {self.name} takes no sessions now{why}", remedy=verdict.remedy)

    async def _hold(self, run: Run, restarted: trio.Event | None) -> None:
        try:
            if restarted is not None:
                await restarted.wait()
            await run.run()
        finally:
            self._runs.discard(run)
            if self._condition.on_trial and self._trial is run:
                self._condition.abandon_trial()
            self._note_empty()
            self._tell()

    # What sessions and runs tell

    def note_turn(self, over: TurnOver) -> None:
        """A session tells how a turn ended here: health and figures live on it."""
        failed = over.reason is TurnReason.FAILED
        self._figures.note_turn(failed=failed, cost_usd=over.usage.cost_usd if over.usage else 0)
        if failed and over.failure is not None:
            self._condition.failed(over.failure)
        elif not failed and over.reason is not TurnReason.INTERRUPTED:
            self._condition.succeeded()
        if self._condition.on_trial and self._trial is not None and self._trial.turns:
            self._condition.abandon_trial()
        self._tell()
        if self._condition.facts.draining or not self._spec.enabled:
            self._ask_to_sleep(idle_for=0)

    def note_start_failed(self, failure: Failure) -> None:
        """A run could not be started."""
        self._condition.failed(failure, starting=True)
        self._tell()

    def note_quota(self, window: QuotaWindow | None) -> None:
        """The agent tells how much of a subscription's window is used; None: nothing new."""
        if window is not None and self._figures.note_quota(window):
            self._tell()

    def note_restart(self) -> None:
        """An agent is started again for a turn that it crashed in."""
        self._figures.note_restart()

    def note_failover(self) -> None:
        """A turn leaves this provider for another one."""
        self._figures.note_failover()
        self._tell()

    def _note_answer(self, seconds: float) -> None:
        self._figures.note_answer(seconds)
        self._condition.answered()

    # The network, as `connectivity.py` sees it

    @property
    def remote(self) -> bool:
        """It is there, and can't work without a network."""
        return self._spec.provider.remote and self.view().health is not Health.DISABLED

    async def reachable(self) -> bool | None:
        """See `BaseProvider.reachable`."""
        return await self._prober.reachable()

    def cut_off(self) -> None:
        """Its model's server can't be reached."""
        self._condition.cut_off()

    def reconnected(self, *, blamed: bool) -> None:
        """The network is back; `blamed`: it never was away, and what failed then counts."""
        self._condition.reconnected(blamed=blamed)

    # What clients ask

    def view(self) -> ProviderView:
        verdict, facts = self._condition.verdict, self._condition.facts
        return ProviderView(
            name=self.name,
            type=self._spec.type,
            health=verdict.health,
            reason=verdict.reason,
            remedy=verdict.remedy,
            breaker=verdict.breaker,
            open_until=verdict.open_until,
            cooling_until=verdict.cooling_until,
            draining=facts.draining,
            version=facts.probe.version if facts.probe else None,
            capabilities=self._spec.provider.capabilities,
            runs=RunCount(active=self.runs, max=self._spec.max_runs),
            latency_ms=None if self._figures.latency_ms is None else round(self._figures.latency_ms, 1),
            quota=self._figures.quota,
            counters=self._figures.counters,
        )

    def candidate(self, index: int) -> Candidate:
        """As it stands for a choice; `index` in the configuration."""
        return Candidate(
            view=self.view(),
            offer=self.offer,
            index=index,
            named=self._spec.named,
            by_itself=self._spec.by_itself,
            full=self._places.why_full(self.name),
            trial_free=not self._condition.on_trial,
        )

    async def check_model(self, model: str) -> None:
        """Raises `ModelNotSupportedError` for one that sessions here can't ask for."""
        await self.models()
        probe = self._condition.facts.probe
        told = probe.models if probe else ()
        self._spec.provider.check_model(model, told)

    @property
    def type(self) -> str:
        """The name of its kind."""
        return self._spec.type

    async def check(self) -> ProviderView:
        """Look now, free of charge."""
        if self._spec.enabled:
            await self._probe(asked=True)
        return self.view()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that it offers; waits for the first look."""
        if self._condition.facts.probe is None:
            await self._prober.settled()  # the first look is on its way
        if self._condition.facts.probe is None:
            await self.check()
        return self.offer.models

    def drain(self) -> ProviderView:
        """Take no new runs from now on. Turns in hand end; agents that are idle are asked to go."""
        self._condition.drain(wanted=True)
        self._ask_to_sleep(idle_for=0)
        self._tell()
        return self.view()

    def undrain(self) -> ProviderView:
        """Take runs again."""
        self._condition.drain(wanted=False)
        self._tell()
        return self.view()

    async def restart(self) -> ProviderView:
        """Forget its failures; end all runs cleanly, and what they share; start that again, and look. Returns when all
        of it is done; it goes on if the caller does not wait for it. A run that is opened meanwhile waits.

        Raises:
            Refused: `no-provider`, if it is switched off, or stopping.
        """
        if self._nursery is None or self.stopping or not self._spec.enabled:
            raise self._refusal()
        restarted = self._restarted
        if restarted is None:
            restarted = self._restarted = trio.Event()
            self._condition.begin_anew()
            for run in self._runs:
                run.close()
            self._nursery.start_soon(self._start_anew, restarted, tuple(self._runs))
        await restarted.wait()
        return self.view()

    async def _start_anew(self, done: trio.Event, ending: Sequence[Run]) -> None:
        try:
            for run in ending:
                await run.over.wait()  # a run has deadlines of its own
            with trio.move_on_after(START):
                await self._shared.restart()
            await self._probe(asked=True)
        finally:
            self._restarted = None
            done.set()

    def heed(self, spec: ProviderSpec, *, look: bool = False) -> None:
        """This counts from now on. Agents that are there stay; where it is not enabled any more, those that are idle
        are asked to go.

        Args:
            spec: of the same provider.
            look: the provider itself is to be looked at again.
        """
        self._spec = spec
        self.offer = attrs.evolve(self.offer, default=spec.default_model)
        self._condition.heed(enabled=spec.enabled, named=spec.named)
        self._told.set()
        self._told = trio.Event()
        if not spec.enabled:
            self._ask_to_sleep(idle_for=0)
        elif self._nursery is not None and not self._at_work:
            self._begin_work(self._nursery)
        elif self._nursery is not None and look:
            self._nursery.start_soon(partial(self._probe, asked=True))
        self._tell()

    @property
    def spec(self) -> ProviderSpec:
        """As it counts now."""
        return self._spec

    # Its tasks

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the runs until cancelled; then end them cleanly, all at once."""
        self.stopping = False
        async with running(self._shelter, deadline=STOP_GRACE):
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                with grace(STOP_GRACE):
                    await self._end_runs()

    def remember(self, cooling: Cooling) -> None:
        """What it knew in a former life of the daemon."""
        self._condition.remember(cooling)

    async def _shelter(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The nursery of the runs and of what they share: it outlives the wish to stop, until they have ended."""
        try:
            async with open_plain_nursery() as self._nursery:
                if self._spec.enabled:
                    self._begin_work(self._nursery)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery, self._at_work = None, False

    def _begin_work(self, nursery: trio.Nursery) -> None:
        """It looks after itself until it is stopped, also while it is not enabled: agents may still be there."""
        self._at_work = True
        nursery.start_soon(self._shared.run)
        nursery.start_soon(self._look_again)
        nursery.start_soon(self._send_to_sleep)
        nursery.start_soon(self._condition.heed_time)
        if self._journal is not None:
            nursery.start_soon(self._condition.keep, self._journal)

    def _note_empty(self) -> None:
        if not self._runs:
            self._no_runs.set()

    async def _end_runs(self) -> None:
        """Ask all at once, wait until they are gone."""
        self.stopping = True
        self._no_runs = trio.Event()
        if self._restarted is not None:
            self._restarted.set()
        for run in tuple(self._runs):
            run.close()
        self._note_empty()
        await self._no_runs.wait()

    async def _look_again(self) -> None:
        """Once; then as long as only a person can mend it, for nobody tells us when they have."""
        await self._probe()
        while True:
            with trio.move_on_after(self._pause_between_looks):
                await self._told.wait()
                continue
            if self._spec.enabled and self._condition.facts.waits_for_a_person:
                await self._probe()

    @property
    def _pause_between_looks(self) -> float:
        """A server that did not answer may only be starting."""
        failure = self._condition.facts.probe.failure if self._condition.facts.probe else None
        starting = failure is not None and failure.kind is ErrorKind.UNAVAILABLE
        return min(self._spec.check_interval, STARTING) if starting else self._spec.check_interval

    async def _probe(self, *, asked: bool = False) -> None:
        probe = await self._prober.probe()
        if probe.models:
            self.offer = attrs.evolve(self.offer, models=self._catalogue.informed(probe.models))
        self._condition.probed(probe, asked=asked)
        log.info("provider probed", provider=self.name, failure=probe.failure and probe.failure.kind)
        self._tell()

    async def _send_to_sleep(self) -> None:
        """Ask runs that are idle for long to end; their sessions decide."""
        while True:
            limit, leaves = self._spec.hibernate_after, self._condition.facts.draining or not self._spec.enabled
            with trio.move_on_after(min(limit / 4, IDLE_LOOKS) or IDLE_LOOKS):
                await self._told.wait()
                continue
            if limit or leaves:
                self._ask_to_sleep(idle_for=0 if leaves else limit)

    def _ask_to_sleep(self, *, idle_for: float) -> None:
        oldest = trio.current_time() - idle_for
        for run in self._runs:
            if run.idle_since is not None and run.idle_since <= oldest:
                run.want_sleep()

    def _tell(self) -> None:
        self._changed(self.view())
