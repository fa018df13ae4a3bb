"""The supervisor of one provider: it owns its runs in a nursery, keeps what they share alive, and knows how it is."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import structlog
import trio

from jelmored.actors.children import Child, RestartLimitReached
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.actors.supervisor import Supervisor
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.ids import Epoch, ProviderName
from jelmored.domain.models import (
    ModelInfo,
    ProviderCapabilities,
    ProviderCounters,
    ProviderView,
    QuotaWindow,
    RunCount,
)
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import BaseProvider, Probe, RunTimeouts, SessionConfig, TurnOver

from .health import HealthFacts, health
from .places import Places
from .reports import Hear
from .run import Run

log = structlog.get_logger(__name__)

PROBE_DEADLINE = 15.0  # seconds; a provider promises 10
REST = 60.0  # seconds, after what is shared has fallen too often
QUOTA_WINDOWS = 16  # that an agent may tell of
STOP_GRACE = 12.0  # seconds for all runs together, of the daemon's 20
SHARED = Policy(  # what all runs share: an agent's server
    limit=Limit(restarts=5, period=60),
    unstable=6,
    stable_after=300,
    backoff=Backoff(first=1, factor=2, limit=60, jitter=0.1),
)


@attrs.frozen(kw_only=True)
class ProviderSpec:
    """A provider as configured.

    Args:
        type: the name of its kind (`claude`).
        named: a configuration file names it.
        hibernate_after: seconds idle until a run is asked to end; 0 is never.
    """

    provider: BaseProvider
    type: str
    enabled: bool
    named: bool
    max_runs: int
    timeouts: RunTimeouts
    hibernate_after: float


class ProviderSupervisor:
    """One provider at work.

    Args:
        spec: the provider and its settings.
        places: shared by all providers.
        changed: told when the view is another.
    """

    def __init__(self, spec: ProviderSpec, places: Places, changed: Callable[[ProviderView], None]) -> None:
        self.name: ProviderName = spec.provider.name
        self._spec = spec
        self._places = places
        self._changed = changed
        self._facts = HealthFacts(enabled=spec.enabled, named=spec.named)
        self._counters = ProviderCounters()
        self._quota: dict[str, QuotaWindow] = {}
        self._runs: set[Run] = set()
        self._nursery: trio.Nursery | None = None
        self.stopping = False
        """It ends its runs and takes no others."""
        self._no_runs = trio.Event()
        self._probing = trio.Lock()

    @property
    def enabled(self) -> bool:
        return self._spec.enabled

    @property
    def capabilities(self) -> ProviderCapabilities:
        return self._spec.provider.capabilities

    @property
    def runs(self) -> int:
        return self._places.count(self.name)

    def open_run(self, config: SessionConfig, epoch: Epoch, hear: Hear) -> Run:
        """Start a run. All that comes of it, a failed start too, is told to `hear`.

        Raises:
            Refused: `no-provider`, while this one is switched off or stopping.
        """
        if self._nursery is None or self.stopping or not self._spec.enabled:
            raise Refused(ErrorKind.NO_PROVIDER, f"provider {self.name} takes no sessions now")
        run = Run(
            epoch=epoch,
            config=config,
            provider=self._spec.provider,
            hear=hear,
            places=self._places,
            timeouts=self._spec.timeouts,
        )
        self._runs.add(run)
        self._nursery.start_soon(self._hold, run)
        return run

    def note_turn(self, over: TurnOver) -> None:
        """A session tells how a turn ended here: health and counters live on it."""
        failed = over.reason is TurnReason.FAILED
        self._counters = attrs.evolve(
            self._counters,
            turns=self._counters.turns + 1,
            failures=self._counters.failures + failed,
            cost_usd=self._counters.cost_usd + (over.usage.cost_usd if over.usage else 0),
        )
        if failed or over.reason is TurnReason.COMPLETED:
            self._note(over.failure)

    def note_start_failed(self, failure: Failure) -> None:
        """A run could not be started."""
        self._note(failure)

    def note_quota(self, window: QuotaWindow | None) -> None:
        """The agent tells how much of a subscription's window is used; None: nothing new."""
        if window is None or self._quota.get(window.window) == window:
            return
        if window.window in self._quota or len(self._quota) < QUOTA_WINDOWS:
            self._quota[window.window] = window
            self._tell()

    def note_restart(self) -> None:
        self._counters = attrs.evolve(self._counters, restarts=self._counters.restarts + 1)

    def note_failover(self) -> None:
        self._counters = attrs.evolve(self._counters, failovers=self._counters.failovers + 1)

    @property
    def known_models(self) -> tuple[ModelInfo, ...]:
        return self._facts.probe.models if self._facts.probe else ()

    def view(self) -> ProviderView:
        verdict = health(self._facts, utc_now())
        return ProviderView(
            name=self.name,
            type=self._spec.type,
            health=verdict.health,
            reason=verdict.reason,
            remedy=verdict.remedy,
            cooling_until=verdict.cooling_until,
            version=self._facts.probe.version if self._facts.probe else None,
            capabilities=self._spec.provider.capabilities,
            runs=RunCount(active=self.runs, max=self._spec.max_runs),
            quota=tuple(self._quota.values()),
            counters=self._counters,
        )

    async def check_model(self, model: str) -> None:
        """Raises `ModelNotSupportedError` for one that sessions here can't ask for."""
        self._spec.provider.check_model(model, await self.models())

    async def check(self) -> ProviderView:
        """Look now, free of charge."""
        if self._spec.enabled:
            await self._probe()
        return self.view()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that it offers, as the last probe saw them."""
        if self._facts.probe is None:
            async with self._probing:  # the first look is on its way
                pass
        if self._facts.probe is None:
            await self.check()
        return self._facts.probe.models if self._facts.probe else ()

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

    async def _shelter(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The nursery of the runs and of what they share: it outlives the wish to stop, until they have ended."""
        try:
            async with open_plain_nursery() as self._nursery:
                if self._spec.enabled:
                    self._nursery.start_soon(self._keep_shared)
                    self._nursery.start_soon(self._probe)
                    self._nursery.start_soon(self._send_to_sleep)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def _keep_shared(self) -> None:
        """What all runs share is started again when it falls; past the limit it rests, and the provider is unwell."""
        shared = Child(f"{self.name} itself", self._spec.provider.run)
        while True:
            try:
                await Supervisor(self.name, [shared], SHARED).run()
            except RestartLimitReached as reached:
                self._note(Failure(kind=ErrorKind.UNAVAILABLE, message=f"{self.name} keeps falling: {reached}"))
            await trio.sleep(REST)

    async def _hold(self, run: Run) -> None:
        try:
            await run.run()
        finally:
            self._runs.discard(run)
            self._note_empty()
            self._tell()

    def _note_empty(self) -> None:
        if not self._runs:
            self._no_runs.set()

    async def _end_runs(self) -> None:
        """Ask all at once, wait until they are gone."""
        self.stopping = True
        self._no_runs = trio.Event()
        for run in tuple(self._runs):
            run.close()
        self._note_empty()
        await self._no_runs.wait()

    async def _probe(self) -> None:
        async with self._probing:
            failure = Failure(kind=ErrorKind.UNAVAILABLE, message=f"no answer within {PROBE_DEADLINE:.0f} s")
            probe = Probe(failure=failure)
            with trio.move_on_after(PROBE_DEADLINE):
                probe = await self._look()
            self._facts = attrs.evolve(self._facts, probe=probe)
            if probe.failure is None:
                self._forget_permanent_failure()
            log.info("provider probed", provider=self.name, failure=probe.failure and probe.failure.kind)
            self._tell()

    async def _look(self) -> Probe:
        try:
            return await self._spec.provider.probe()
        except Exception as fault:  # a plug-in that can't even be looked at is unwell, its runs go on
            log.exception("a probe fell", provider=self.name)
            return Probe(failure=Failure(kind=ErrorKind.UNAVAILABLE, message=f"the probe failed: {fault!r}"))

    def _forget_permanent_failure(self) -> None:
        """A good look settles what only the operator could mend."""
        if self._facts.last_failure and self._facts.last_failure.cls is RunClass.PERMANENT:
            self._facts = attrs.evolve(self._facts, last_failure=None, failures_in_a_row=0)

    async def _send_to_sleep(self) -> None:
        """Ask runs that are idle for long to end; their sessions decide."""
        limit = self._spec.hibernate_after
        while limit:
            await trio.sleep(min(limit / 4, 30))
            oldest = trio.current_time() - limit
            for run in self._runs:
                if run.idle_since is not None and run.idle_since <= oldest:
                    run.want_sleep()

    def _note(self, failure: Failure | None) -> None:
        if failure is not None and failure.cls is RunClass.REQUEST:
            return  # the prompt's fault says nothing of the provider
        in_a_row = self._facts.failures_in_a_row + 1 if failure else 0
        self._facts = attrs.evolve(self._facts, last_failure=failure, failures_in_a_row=in_a_row)
        self._tell()

    def _tell(self) -> None:
        self._changed(self.view())
