"""A session's hold on its run: which one it listens to, what that one can take, and when another is tried."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import trio

from jelmored.actors.restarts import Backoff, History, Limit, Policy
from jelmored.domain.ids import Epoch
from jelmored.domain.sessions import BackgroundTask, Facts
from jelmored.providers.base import RunFacts, SessionConfig
from jelmored.supervision.provider import ProviderSupervisor
from jelmored.supervision.reports import Order, Report
from jelmored.supervision.run import Run

RESTARTS = Policy(
    limit=Limit(restarts=3, period=300),
    unstable=3,
    stable_after=300,
    backoff=Backoff(first=1, factor=2, limit=30, jitter=0.1),
)


class RunHold:
    """At most one run at a time, and the epoch that tells its reports from those of former ones.

    Args:
        hear: the session's ear.
    """

    def __init__(self, hear: Callable[[Report], Awaitable[None]]) -> None:
        self.ready = False
        """There is an agent, and it can take a prompt."""
        self.pausing = False
        """The next run is tried when the pause after a crash is over."""
        self.readers = 0
        """So many read what the agent keeps of the session: no run is opened meanwhile, and no turn begins."""
        self.background_tasks: tuple[BackgroundTask, ...] = ()
        self.epoch = Epoch(0)
        self._hear = hear
        self._run: Run | None = None
        self._restarts = History(RESTARTS, random.Random())

    @property
    def empty(self) -> bool:
        return self._run is None

    @property
    def closing(self) -> bool:
        return self._run is not None and self._run.closing

    @property
    def listens(self) -> bool:
        """A prompt that is posted now is heard."""
        return self.ready and not self.closing

    def open(self, supervisor: ProviderSupervisor, facts: Facts) -> None:
        """Start a run; what comes of it is reported. Raises `Refused` (`no-provider`)."""
        self.epoch = Epoch(self.epoch + 1)
        self._run = supervisor.open_run(config_of(facts), self.epoch, self._hear)

    def knows(self, report: Report) -> bool:
        """It comes from the run that we hold."""
        return self._run is not None and report.epoch == self.epoch

    def post(self, order: Order) -> None:
        """Void if there is no run."""
        if self._run is not None:
            self._run.post(order)

    def close(self, within: float | None = None) -> None:
        """End the run; its end is reported. `within`: seconds, of less patience than usual."""
        if self._run is not None and (within is not None or not self._run.closing):
            self._run.close(within)

    def note(self, told: RunFacts) -> None:
        """What is only true while the agent is there."""
        if told.background_tasks is not None:
            self.background_tasks = told.background_tasks

    def lose(self) -> None:
        """The run is over."""
        self._run, self.ready, self.background_tasks = None, False, ()

    def forget(self) -> None:
        """A new life of the session: it holds no run, and hears none of a former life."""
        self.lose()
        self.pausing = False
        self.readers = 0

    def next_try(self, lived: float) -> float | None:
        """The agent crashed: seconds until another try, None when it was tried often enough."""
        return self._restarts.next_delay(now=trio.current_time(), lived=lived)

    def stabilised(self) -> None:
        """A turn was completed: the agent is sound."""
        self._restarts.stabilised()

    def begin_anew(self) -> None:
        """What crashed was of another provider: the next agents are not to blame."""
        self._restarts = History(RESTARTS, random.Random())

    async def let_go(self) -> None:
        """End the run and wait until it is over: none outlives the session that it works for."""
        if self._run is not None:
            self.close()
            await self._run.over.wait()


def config_of(facts: Facts) -> SessionConfig:
    """What a run of the session begins with at its provider."""
    native = facts.native.get(facts.provider)
    return SessionConfig(
        session_id=facts.session_id,
        cwd=facts.cwd,
        model=facts.routed_model or facts.wanted_model,
        permission_mode=facts.permission_mode,
        system_prompt=facts.system_prompt,
        directories=facts.directories,
        mcp_servers=facts.mcp_servers,
        environment=facts.environment,
        max_turns=facts.limits.max_turns,
        native_id=native.native_id if native and native.used else None,
        origin=native.origin if native and not native.used else None,
        rules=facts.rules,
        mark=native.mark if native and native.used else None,
    )
