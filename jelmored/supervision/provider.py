"""The supervisor of one provider: it owns its runs in a nursery, keeps what they share alive, and knows how it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Protocol

import attrs
import structlog
import trio

from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.ids import Epoch, ProviderName
from jelmored.domain.models import (
    BreakerState,
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
from jelmored.errors import ErrorKind, JournalError, ProviderError, Refused
from jelmored.journal.base import Journal
from jelmored.providers.base import BaseProvider, PastSession, PastTurn, RunTimeouts, SessionConfig, TurnOver
from jelmored.wire import codec

from .cooling import Cooling
from .deadlines import START
from .facts import HealthFacts
from .figures import Figures
from .health import health
from .places import Places
from .probing import Prober
from .reports import Hear
from .run import Run
from .shared import Shared

log = structlog.get_logger(__name__)

STOP_GRACE = 12.0  # seconds for all runs together, of the daemon's 20
RECORD = 30.0  # seconds to read or write what an agent keeps of a session
STARTING = 5.0  # seconds between two looks at a server that may be starting
LOOKS = 30.0  # seconds at most between two looks at the wall clock, which may be set while we wait for it


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


class Blame(Protocol):
    """Who is to blame when the network fails; `connectivity.py` knows."""

    @property
    def offline(self) -> bool: ...

    def failed(self, name: ProviderName) -> bool:
        """A turn failed by the network's fault; true: not by the provider's."""

    def reached(self) -> None:
        """A turn went well."""


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
    ) -> None:
        self.name: ProviderName = spec.provider.name
        self._spec = spec
        self._places = places
        self._changed = changed
        self._network = network
        self._journal = journal
        self._now = now
        self._catalogue = catalogue
        self.offer = Offer(default=spec.default_model)
        """Its models, as the last look that saw any saw them, completed."""
        self._facts = HealthFacts(enabled=spec.enabled, named=spec.named)
        self._figures = Figures()
        self._prober = Prober(spec.provider)
        self._shared = Shared(self.name, spec.provider.run, self._note_shared)
        self._runs: set[Run] = set()
        self._trial: Run | None = None
        self._nursery: trio.Nursery | None = None
        self.stopping = False
        """It ends its runs and takes no others."""
        self._no_runs = trio.Event()
        self._stirred = trio.Event()
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
        return self._nursery is not None and not self.stopping and self._facts.admits(self._now())

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
        )
        self._facts = self._facts.began(self._now())
        if self._facts.breaker.trial:
            self._trial = run
        self._runs.add(run)
        self._nursery.start_soon(self._hold, run, self._restarted)
        return run

    def _refusal(self) -> Refused:
        verdict = health(self._facts, self._now())
        why = f": {verdict.reason}" if verdict.reason else ""
        return Refused(ErrorKind.NO_PROVIDER, f"provider {self.name} takes no sessions now{why}", remedy=verdict.remedy)

    async def _hold(self, run: Run, restarted: trio.Event | None) -> None:
        try:
            if restarted is not None:
                await restarted.wait()
            await run.run()
        finally:
            self._runs.discard(run)
            if self._trial is run:
                self._change(self._facts.abandoned())
            self._note_empty()
            self._tell()

    # What sessions and runs tell

    def note_turn(self, over: TurnOver) -> None:
        """A session tells how a turn ended here: health and figures live on it."""
        failed = over.reason is TurnReason.FAILED
        self._figures.note_turn(failed=failed, cost_usd=over.usage.cost_usd if over.usage else 0)
        if failed and over.failure is not None:
            self._note(over.failure)
        elif not failed and over.reason is not TurnReason.INTERRUPTED:
            self._note_success()
        if self._trial is not None and self._trial.turns:
            self._change(self._facts.abandoned())
        self._tell()
        if self._facts.draining:
            self._ask_to_sleep(idle_for=0)

    def note_start_failed(self, failure: Failure) -> None:
        """A run could not be started."""
        self._note(failure, starting=True)
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

    def _note(self, failure: Failure, *, starting: bool = False) -> None:
        if self._is_excused(failure):
            self._change(attrs.evolve(self._facts, cut_off=failure))
        else:
            self._change(self._facts.failed(failure, self._now(), starting=starting))

    def _is_excused(self, failure: Failure) -> bool:
        """The network is to blame, not this provider."""
        if failure.kind is ErrorKind.NETWORK and self._spec.provider.remote:
            return self._network.failed(self.name)
        return failure.cls is RunClass.UNAVAILABLE and self._facts.cut_off is not None

    def _note_success(self) -> None:
        self._change(self._facts.succeeded(self._now()))
        if self._spec.provider.remote:
            self._network.reached()

    def _note_answer(self, seconds: float) -> None:
        """What was in doubt is settled as soon as the model answers: it may be a long turn."""
        self._figures.note_answer(seconds)
        if self._facts.cut_off or self._facts.breaker.state(self._now()) is BreakerState.HALF_OPEN:
            self._note_success()
            self._tell()

    def _note_shared(self, failure: Failure | None) -> None:
        if failure != self._facts.fallen:
            self._change(attrs.evolve(self._facts, fallen=failure))
            self._tell()

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
        if self._facts.cut_off is None:
            lost = Failure(kind=ErrorKind.NETWORK, message="the model's server can't be reached")
            self._change(attrs.evolve(self._facts, cut_off=lost))
            self._tell()

    def reconnected(self, *, blamed: bool) -> None:
        """The network is back; `blamed`: it never was away, and what failed then counts."""
        failure = self._facts.cut_off
        if failure is not None:
            facts = attrs.evolve(self._facts, cut_off=None)
            self._change(facts.failed(failure, self._now()) if blamed else facts)
            self._tell()

    # What clients ask

    def view(self) -> ProviderView:
        verdict = health(self._facts, self._now())
        return ProviderView(
            name=self.name,
            type=self._spec.type,
            health=verdict.health,
            reason=verdict.reason,
            remedy=verdict.remedy,
            breaker=verdict.breaker,
            open_until=verdict.open_until,
            cooling_until=verdict.cooling_until,
            draining=self._facts.draining,
            version=self._facts.probe.version if self._facts.probe else None,
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
            trial_free=not self._facts.breaker.trial,
        )

    async def check_model(self, model: str) -> None:
        """Raises `ModelNotSupportedError` for one that sessions here can't ask for."""
        await self.models()
        told = self._facts.probe.models if self._facts.probe else ()
        self._spec.provider.check_model(model, told)

    @property
    def type(self) -> str:
        """The name of its kind."""
        return self._spec.type

    async def pack(self, config: SessionConfig) -> bytes | None:
        """See `BaseProvider.pack`; None also where it can't be read, or not in time."""
        with trio.move_on_after(RECORD):
            try:
                return await self._spec.provider.pack(config)
            except Exception:  # of a plug-in too: without the record there is the handoff
                log.exception("an agent's record can't be carried", provider=self.name)
        return None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        """See `BaseProvider.unpack`; false also where it can't be written, or not in time."""
        with trio.move_on_after(RECORD):
            try:
                return await self._spec.provider.unpack(config, record)
            except Exception:
                log.exception("an agent's record can't be put down", provider=self.name)
        return False

    async def check(self) -> ProviderView:
        """Look now, free of charge."""
        if self._spec.enabled:
            await self._probe(asked=True)
        return self.view()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that it offers; waits for the first look."""
        if self._facts.probe is None:
            await self._prober.settled()  # the first look is on its way
        if self._facts.probe is None:
            await self.check()
        return self.offer.models

    async def past_sessions(self, cwd: str | None) -> Sequence[PastSession]:
        """See `BaseProvider.past_sessions`.

        Raises:
            Refused: they can't be read.
        """
        try:
            return await self._spec.provider.past_sessions(cwd)
        except ProviderError as error:
            raise Refused(error.kind, error.message, remedy=error.remedy) from error

    def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        """See `BaseProvider.recall`; it raises `ProviderError`."""
        return self._spec.provider.recall(past, after)

    def drain(self) -> ProviderView:
        """Take no new runs from now on. Turns in hand end; agents that are idle are asked to go."""
        self._change(attrs.evolve(self._facts, draining=True))
        self._ask_to_sleep(idle_for=0)
        self._tell()
        return self.view()

    def undrain(self) -> ProviderView:
        """Take runs again."""
        self._change(attrs.evolve(self._facts, draining=False))
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
            self._change(self._facts.begun_anew())
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
        self._change(attrs.evolve(self._facts, cooling=cooling))

    async def _shelter(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The nursery of the runs and of what they share: it outlives the wish to stop, until they have ended."""
        try:
            async with open_plain_nursery() as self._nursery:
                if self._spec.enabled:
                    self._nursery.start_soon(self._shared.run)
                    self._nursery.start_soon(self._look_again)
                    self._nursery.start_soon(self._send_to_sleep)
                    self._nursery.start_soon(self._heed_time)
                    self._nursery.start_soon(self._keep)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

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
            await trio.sleep(self._pause_between_looks)
            if self._facts.waits_for_a_person:
                await self._probe()

    @property
    def _pause_between_looks(self) -> float:
        """A server that did not answer may only be starting."""
        failure = self._facts.probe.failure if self._facts.probe else None
        starting = failure is not None and failure.kind is ErrorKind.UNAVAILABLE
        return min(self._spec.check_interval, STARTING) if starting else self._spec.check_interval

    async def _probe(self, *, asked: bool = False) -> None:
        probe = await self._prober.probe()
        if probe.models:
            self.offer = attrs.evolve(self.offer, models=self._catalogue.informed(probe.models))
        self._change(self._facts.probed(probe, asked=asked))
        log.info("provider probed", provider=self.name, failure=probe.failure and probe.failure.kind)
        self._tell()

    async def _send_to_sleep(self) -> None:
        """Ask runs that are idle for long to end; their sessions decide."""
        limit = self._spec.hibernate_after
        while True:
            await trio.sleep(min(limit / 4, LOOKS) or LOOKS)
            if limit or self._facts.draining:
                self._ask_to_sleep(idle_for=0 if self._facts.draining else limit)

    def _ask_to_sleep(self, *, idle_for: float) -> None:
        oldest = trio.current_time() - idle_for
        for run in self._runs:
            if run.idle_since is not None and run.idle_since <= oldest:
                run.want_sleep()

    async def _heed_time(self) -> None:
        """Tell of what time alone has changed: a cooling, a breaker's rest is over."""
        while True:
            before = health(self._facts, self._now())
            change = self._facts.next_change(self._now())
            left = LOOKS if change is None else (change - self._now()).total_seconds()
            with trio.move_on_after(min(left, LOOKS)):
                await self._stirred.wait()
                continue
            if health(self._facts, self._now()) != before:
                self._tell()

    async def _keep(self) -> None:
        """Keep until when it cools, as often as that changes."""
        kept = self._facts.cooling
        while self._journal is not None:
            await self._stirred.wait()
            if self._facts.cooling == kept:
                continue
            kept = self._facts.cooling
            try:
                await self._journal.keep_provider(self.name, codec.encode(kept))
            except JournalError as error:
                log.warning("a cooling is not kept", provider=self.name, error=error.message)

    def _change(self, facts: HealthFacts) -> None:
        """The one place where what is known changes."""
        self._facts = facts
        if not facts.breaker.trial:
            self._trial = None
        self._stirred.set()
        self._stirred = trio.Event()

    def _tell(self) -> None:
        self._changed(self.view())
