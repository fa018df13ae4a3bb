"""One incarnation of a session on one provider: the child session actor in that provider's nursery.

It talks to the agent, watches its clock, and tells its session lists of events and, last, one `RunEnd`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

import attrs
import structlog
import trio

from jelmored import logs
from jelmored.actors.running import grace, open_plain_nursery
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import REQUESTED, Failure, RunClass, RunEnd
from jelmored.domain.ids import Epoch, ProviderName
from jelmored.errors import ErrorKind, ProviderError, leaves
from jelmored.providers.base import (
    BaseProvider,
    BaseSession,
    Delta,
    RunEvent,
    RunFacts,
    RunTimeouts,
    SessionConfig,
    TurnBegan,
    TurnOver,
)

from .deadlines import Deadlines
from .places import Places
from .reports import (
    Close,
    Hear,
    Order,
    Ready,
    Reconfigure,
    Reply,
    Report,
    Say,
    SleepWanted,
    Steer,
    Stop,
    StopTask,
    Waiting,
)

log = structlog.get_logger(__name__)

ORDERS = 1024  # a reply to each question of one list: the policy may answer hundreds at once
EVENT_LISTS = 16  # lists of events between the agent's reader and the session; then the agent waits
LAST_WORD = 5.0  # seconds to tell the session that it is over, while we are being stopped
HELD_BACK = 1.0  # s between looks at an agent that the session takes nothing from
WORTH_TELLING = 1.0  # seconds of waiting for a place; an idle agent gives its own sooner
EVENTS = get_args(RunEvent)

Grant = Callable[[SessionConfig], Awaitable[SessionConfig]]


async def all_of_it(config: SessionConfig) -> SessionConfig:
    """An agent may have whatever its session has."""
    return config


class Run:
    """An agent at work for one session.

    Args:
        epoch: the session's number of this run.
        config: what the agent is started with.
        provider: where it is started.
        hear: the session's ear.
        places: where it needs a place first.
        timeouts: of the stall clock.
        answers: told how many seconds a prompt waited for the first words of its answer.
        grant: says what of it an agent may have now, or raises why it may not work at all.
    """

    def __init__(
        self,
        *,
        epoch: Epoch,
        config: SessionConfig,
        provider: BaseProvider,
        hear: Hear,
        places: Places,
        timeouts: RunTimeouts,
        answers: Callable[[float], None] = lambda seconds: None,
        grant: Grant = all_of_it,
    ) -> None:
        self.epoch = epoch
        self.config = config
        self.provider_name: ProviderName = provider.name
        self.ready = False
        self.background_tasks = 0
        self.closing = False
        self.turns = 0
        """That have ended."""
        self._idle_since: float | None = None
        self._prompted = False
        self._prompted_at: float | None = None
        self._answers = answers
        self._provider = provider
        self._grant = grant
        self._hear = hear
        self._places = places
        self._deadlines = Deadlines(timeouts)
        self._stalled: Failure | None = None
        self._held_back = False
        """The session takes nothing now: silence is not the agent's."""
        self._broken: Failure | None = None
        self._scope = trio.CancelScope()
        self._orders, self._inbox = trio.open_memory_channel[Order](ORDERS)
        self._events, self._heard = trio.open_memory_channel[Sequence[RunEvent]](EVENT_LISTS)
        self._session: BaseSession
        self._first_facts = RunFacts()
        self.over = trio.Event()
        """Nothing of it is left, and its session has been told, or could not be."""
        self._began = trio.Event()
        self._sleep_wanted = trio.Event()
        self._clocks_set = trio.Event()
        """A deadline may have come nearer."""

    @property
    def idle_since(self) -> float | None:
        """Trio's time since which the agent has nothing to do."""
        busy = self.background_tasks or self.closing or self._deadlines.silence.steering
        return None if busy else self._idle_since

    def post(self, order: Order) -> None:
        """Tell the agent, in order, soon. Never waits; what a run that ends can't take any more is void with it."""
        try:
            self._orders.send_nowait(order)
        except trio.WouldBlock:
            self._break(Failure(kind=ErrorKind.AGENT_CRASHED, message="the agent takes no orders any more"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("order to a run that has ended", order=type(order).__name__)

    def close(self, within: float | None = None) -> None:
        """End the run as asked; `RunEnd` follows. Before the agent is ready, at once. `within`: seconds that it has
        to end by itself, if less than usual."""
        told, self.closing = self.closing, True
        if self.ready:
            self._deadlines.closed(trio.current_time(), within)
            self._clocks_set.set()
            if not told:
                self.post(Close())
        else:
            self._scope.cancel()

    def want_sleep(self) -> None:
        """Ask the session to end the run if it can do without."""
        self._sleep_wanted.set()

    async def run(self) -> None:
        """From the wish for a place to the `RunEnd`. Whatever the agent does, nothing is raised."""
        end = REQUESTED  # if we are cancelled
        try:
            with logs.about(session=self.config.session_id, provider=self.provider_name):
                end = await self._live()
        except Exception as fault:
            log.exception("a run fell", provider=self.provider_name)
            end = RunEnd.failed(Failure(kind=ErrorKind.AGENT_CRASHED, message=f"a fault of jelmored's own: {fault!r}"))
        finally:
            self._places.give_back(self)
            self._inbox.close()
            with grace(LAST_WORD):
                await self._tell(end)
            self.over.set()

    async def _live(self) -> RunEnd:
        async with trio.open_nursery() as pumping:
            pumping.start_soon(self._pump)
            with self._events:
                async with trio.open_nursery() as beside:
                    beside.start_soon(self._obey)
                    beside.start_soon(self._watch)
                    beside.start_soon(self._offer_sleep)
                    end = await self._attend()
                    beside.cancel_scope.cancel()
            if not self.ready:
                pumping.cancel_scope.cancel()
        return end

    async def _attend(self) -> RunEnd:
        """Hold the agent until it has ended; the one place that says how it did."""
        failure: Failure | None = None
        try:
            with self._scope:
                await self._take_place()
                self._deadlines.starting(trio.current_time())
                self._clocks_set.set()
                self._session = self._provider.open(await self._grant(self.config))
                await self._session.run(self._events, task_status=_Started(self))
        except Exception as error:  # also what is left of a group when our scope has taken its Cancelled out
            failure = self._failure_of(error)
        failure = self._broken or failure
        if self.closing:
            return REQUESTED
        return RunEnd.failed(failure) if failure else RunEnd(cls=RunClass.NORMAL)

    async def _take_place(self) -> None:
        if self._places.take_nowait(self):
            return
        async with open_plain_nursery() as nursery:
            nursery.start_soon(self._tell_waiting)
            await self._places.take(self)
            nursery.cancel_scope.cancel()

    async def _tell_waiting(self) -> None:
        await trio.sleep(WORTH_TELLING)
        limit = self._places.limit(self.provider_name)
        await self._tell(Waiting(f"all {limit} places of {self.provider_name} are taken, or those of all providers"))

    def _started(self, facts: RunFacts) -> None:
        self.ready = True
        self._deadlines.started()
        self._clocks_set.set()
        self._idle_since = trio.current_time()
        self._first_facts = facts
        self._began.set()

    def _failure_of(self, error: Exception) -> Failure:
        known = next((leaf for leaf in leaves(error) if isinstance(leaf, ProviderError)), None)
        if known is not None:
            return Failure.of(known)
        log.error("a provider fell", provider=self.provider_name, exc_info=error)
        return Failure(kind=ErrorKind.AGENT_CRASHED, message=f"{self.provider_name} fell: {error!r}")

    async def _tell_events(self, told: Sequence[RunEvent]) -> None:
        """The time for which the session holds it back is not the agent's."""
        self._held_back = True
        try:
            await self._tell(told)
        finally:
            self._held_back = False
            self._deadlines.silence.heard((), trio.current_time())

    async def _tell(self, news: Ready | Waiting | SleepWanted | RunEnd | Sequence[RunEvent]) -> None:
        await self._hear(Report(self.epoch, news))

    async def _pump(self) -> None:
        """Lists from the agent to the session."""
        with self._heard:
            await self._began.wait()
            await self._tell(Ready(self._first_facts))
            async for events in self._heard:
                try:
                    told = self._take(events)
                except Exception as error:  # what a plug-in sends may be anything
                    self._break(self._failure_of(error))
                    return
                if told:
                    await self._tell_events(told)

    def _take(self, events: Sequence[RunEvent]) -> list[RunEvent]:
        """What of a list concerns the session; the clocks hear of it."""
        now = trio.current_time()
        due = self._deadlines.due(now)
        told = [self._amend(event, now) for event in events if not self._is_stale(event)]
        self._deadlines.silence.heard(told, now)
        if self._deadlines.due(now) < due:
            self._clocks_set.set()
        return told

    def _is_stale(self, event: RunEvent) -> bool:
        """The end of a turn of the agent's own that was on its way while it was given a prompt."""
        return isinstance(event, TurnOver) and event.origin == "agent" and self._prompted

    def _amend(self, event: RunEvent, now: float) -> RunEvent:
        """Keep what we need to know of it; the end of a turn that we stopped for its silence says so."""
        match event:
            case Delta() if self._prompted_at is not None:
                self._answers(now - self._prompted_at)
                self._prompted_at = None
            case TurnBegan():
                self._idle_since = None
            case RunFacts(background_tasks=tuple(tasks)):
                self.background_tasks = len(tasks)
            case TurnOver():
                return self._end_turn(event, now)
            case _ if not isinstance(event, EVENTS):
                raise TypeError(f"no run event: {event!r}")
        return event

    def _end_turn(self, over: TurnOver, now: float) -> TurnOver:
        self.turns += 1
        self._deadlines.turn_over()
        self._prompted, self._prompted_at = False, None
        self._idle_since = now
        self._places.stir()
        stalled, self._stalled = self._stalled, None
        return over if stalled is None else attrs.evolve(over, reason=TurnReason.FAILED, failure=stalled, cause=None)

    async def _obey(self) -> None:
        """Orders from the session to the agent, one after the other."""
        await self._began.wait()
        try:
            async for order in self._inbox:
                await self._carry_out(order)
        except Exception as error:
            self._break(self._failure_of(error))

    async def _carry_out(self, order: Order) -> None:
        now, session = trio.current_time(), self._session
        self._clocks_set.set()
        match order:
            case Say(prompt=prompt):
                self._idle_since = None
                self._prompted, self._prompted_at = True, now
                self._deadlines.silence.prompted(now)
                await self._grant(self.config)
                await session.prompt(prompt)
            case Reply(request_id=request_id, answer=answer):
                self._deadlines.silence.answered(request_id, now)
                if answer.interrupt:
                    self._deadlines.interrupted(now)
                await session.answer(request_id, answer)
            case Steer(prompt=prompt):
                self._deadlines.silence.steered(prompt.prompt_id)
                await self._grant(self.config)
                await session.steer(prompt)
            case Reconfigure(change=change):
                await session.change(change)
            case StopTask(task_id=task_id):
                await session.stop_task(task_id)
            case Stop():
                self._deadlines.interrupted(now)
                await session.interrupt()
            case Close():
                await session.close()

    async def _offer_sleep(self) -> None:
        while True:
            await self._sleep_wanted.wait()
            self._sleep_wanted = trio.Event()
            await self._tell(SleepWanted())

    async def _watch(self) -> None:
        """A missed deadline ends the run; silence ends the turn first."""
        while True:
            now = trio.current_time()
            due = self._deadlines.due(now)
            with trio.move_on_at(max(due, now + HELD_BACK) if self._held_back else due):
                await self._clocks_set.wait()
            self._clocks_set = trio.Event()
            now = trio.current_time()
            if (missed := self._deadlines.missed(now)) is not None:
                self._break(self._stalled or missed)
                return
            if not self._held_back and (stalled := self._deadlines.stalled(now)) is not None:
                self._stalled = stalled
                self._deadlines.silenced(now)
                self.post(Stop())

    def _break(self, failure: Failure) -> None:
        """It can't go on: the agent is stopped, and this is why."""
        self._broken = self._broken or failure
        self._scope.cancel()


@attrs.frozen
class _Started:
    """What `BaseSession.run` calls when the agent can take a prompt."""

    run: Run

    def started(self, value: RunFacts | None = None) -> None:
        self.run._started(value or RunFacts())
