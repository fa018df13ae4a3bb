"""What one session may still take: money, of its own and of the day, and time for the turn in hand. It says when that
is used up, and keeps what a turn takes until the agent has its last word on it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from jelmored.domain.budget import session_verdict, turn_verdict
from jelmored.domain.events import TurnReason, UsageNote
from jelmored.domain.failures import Failure
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status
from jelmored.domain.usage import Usage, usage_of
from jelmored.providers.base import TurnOver
from jelmored.sessions.record.chronicle import Chronicle

from .purse import Purse
from .turns import Turn, record_usage


@attrs.define
class TurnClock:
    """The seconds of one turn, without those in which it waits for a person. `since`: Trio's time at which it goes on;
    None while it waits."""

    turn: int
    since: float | None
    passed: float = 0.0

    def look(self, now: float, *, waiting: bool) -> None:
        """Note whether it waits from now on."""
        if waiting and self.since is not None:
            self.passed, self.since = self.passed + now - self.since, None
        elif not waiting and self.since is None:
            self.since = now

    def seconds(self, now: float) -> float:
        return self.passed if self.since is None else self.passed + now - self.since


class Allowance:
    """One session's.

    Args:
        chronicle: of the session.
        purse: of the day.
    """

    def __init__(self, chronicle: Chronicle, purse: Purse) -> None:
        self._chronicle = chronicle
        self._purse = purse
        self._clock: TurnClock | None = None
        self._told = False
        """That prompts wait for money."""

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def _spent(self) -> UsageNote | None:
        return self._facts.open_turn.spent if self._facts.open_turn else None

    # Money

    def note(self, spent: UsageNote | None) -> None:
        """The run tells what the turn in hand has taken up to now; None: nothing new."""
        turn = self._facts.open_turn
        if spent is not None and turn is not None and spent != turn.spent:
            self._chronicle.know(open_turn=attrs.evolve(turn, spent=spent))
            self._purse.hold(self._facts.session_id, usage_of(spent))

    def settle_run(self) -> None:
        """The run is gone. What it told last is what it took."""
        if (spent := self.estimate) is not None:
            self.settle(spent)
            record_usage(self._chronicle, spent)

    def closed(self, over: TurnOver, turn: Turn | None = None) -> TurnOver:
        """The end of a turn as it is recorded: with what it took, and, where we have cut it, with the reason."""
        usage = over.usage or self.estimate
        self.settle(usage)
        if turn is not None and turn.exceeded is not None and over.reason is TurnReason.INTERRUPTED:
            return TurnOver(reason=TurnReason.BUDGET, failure=turn.exceeded, usage=usage, origin=over.origin)
        return attrs.evolve(over, usage=usage)

    @property
    def estimate(self) -> UsageNote | None:
        """What the run in hand has taken, as long as it has not had its last word."""
        return attrs.evolve(self._spent, estimated=True) if self._spent else None

    def settle(self, usage: UsageNote | None) -> None:
        """This is what the run has taken in the turn, in its last word; None: nothing is known."""
        self._purse.settle(self._facts.session_id, usage_of(usage) if usage else Usage())
        if self._facts.open_turn is not None:
            self._chronicle.know(open_turn=attrs.evolve(self._facts.open_turn, spent=None))

    @property
    def verdict(self) -> Failure | None:
        """Why nothing more may be spent; None while it may."""
        return self._own_verdict or self._purse.verdict

    @property
    def _own_verdict(self) -> Failure | None:
        facts, budget = self._facts, self._purse.budget
        if not budget.session_limit(facts.limits):
            return None
        used = facts.usage + usage_of(self._spent) if self._spent else facts.usage
        return session_verdict(budget, facts.limits, facts.session_id, budget.counted(used))

    def lets_begin(self, waiting: int) -> bool:
        """May one of the prompts that wait have its turn? That they have to wait is told once.

        Args:
            waiting: how many there are.
        """
        no = self.verdict if waiting else None
        if no is not None and not self._told:
            self._chronicle.note("waiting_for_budget", f"{no.message}; prompts wait. {no.remedy}", remedy=no.remedy)
        self._told = no is not None
        return no is None

    # Money and time

    def exceeded(self, now: float) -> Failure | None:
        """Why the turn in hand must end; None while it may go on, or if there is none.

        Args:
            now: Trio's time.
        """
        if self._facts.open_turn is None:
            self._clock = None
            return None
        clock = self._running_clock(now)
        return self.verdict or turn_verdict(self._facts.limits, self._facts.session_id, clock.seconds(now))

    def due(self) -> float | None:
        """Trio's time at which the turn in hand must end if nothing happens; None: never."""
        limit, clock = self._facts.limits.turn_seconds, self._clock
        if limit is None or clock is None or clock.since is None:
            return None
        return clock.since + limit - clock.passed

    def _running_clock(self, now: float) -> TurnClock:
        turn = self._facts.turn
        if self._clock is None or self._clock.turn != turn:
            self._clock = TurnClock(turn, now)
        self._clock.look(now, waiting=self._facts.status is Status.WAITING_INPUT)
        return self._clock


class Alarm:
    """Calls once at a time that may be moved.

    Args:
        ring: what it calls.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._at: float | None = None
        self._moved = trio.Event()

    def set(self, at: float | None) -> None:
        """Trio's time; None: not at all."""
        if at != self._at:
            self._at = at
            self._moved.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        task_status.started()
        while True:
            self._moved = trio.Event()
            at = self._at
            if at is None:
                await self._moved.wait()
                continue
            with trio.move_on_at(at) as scope:
                await self._moved.wait()
            if scope.cancelled_caught:
                self._at = None
                self._ring()
