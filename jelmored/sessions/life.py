"""One life of a session: its parts, made of what the journal has, until it rests or a fault of ours ends it.

It decides what becomes of each message and never waits; `session.py` has the task that it lives in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

import trio

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, Approval
from jelmored.domain.sessions import Facts, SessionView, view
from jelmored.domain.times import utc_now
from jelmored.supervision.reports import Reply

from .admission import Admission
from .agent.failover import OURS
from .agent.hold import RunHold
from .changes import Changes
from .hearing import Hearing
from .hub import Feed
from .messages import (
    Admit,
    Close,
    Configure,
    Cut,
    EndTask,
    Expire,
    Export,
    GoOn,
    Handed,
    Heard,
    Message,
    Move,
    Resolve,
    Rest,
    RestartDue,
    Resume,
    SettleForeign,
    StandAside,
    StateMade,
    Suspend,
    TurnDue,
    Unqueue,
)
from .moving.suspension import Snapshot, Suspension
from .record.chronicle import Chronicle
from .record.log import SessionLog
from .turn.allowance import Allowance
from .turn.approvals import Approvals
from .turn.queue import PromptQueue, Queued
from .turn.resumption import Resumption
from .turn.settling import remembered
from .turn.turns import Turns
from .upkeep.closing import Closing
from .upkeep.leftovers import Leftovers
from .work import Owner as WorkOwner
from .work import Work
from .world import World


class Owner(WorkOwner, Protocol):
    """What the session's task does for it."""

    def begin_state(self, ask: Suspend | Export, snapshot: Snapshot) -> None:
        """Make the state beside the task, and answer with it."""


class Life:
    """It is dropped whole, and another one made.

    Args:
        facts: as the journal has them.
        queue: prompts that wait.
        leftovers: of the life before.
        log: its own; the task writes it to the disk.
        hold: of the run, which the session's task lets go of.
        feed: where it publishes.
        world: what all sessions work with.
        closed: told of every approval that is open no more.
        owner: the session.
    """

    def __init__(
        self,
        facts: Facts,
        queue: Sequence[Queued],
        leftovers: Leftovers,
        log: SessionLog,
        hold: RunHold,
        feed: Feed,
        world: World,
        closed: Callable[[Approval], None],
        owner: Owner,
    ) -> None:
        self._leftovers = leftovers
        self._hold = hold
        self._feed = feed
        self._closed = closed
        hold.forget()
        self._log = log
        self._chronicle = Chronicle(facts, self._log, owner.view_changed)
        in_hand = facts.open_turn.prompt_id if facts.open_turn else None
        self._queue = PromptQueue(queue, self._chronicle, in_hand)
        self._approvals = Approvals(
            self._chronicle, self._answer, self._note_closed, timeout=lambda: world.wishes.approval_timeout
        )
        self._allowance = Allowance(self._chronicle, world.purse)
        self._turns = Turns(self._chronicle, self._queue)
        self._resumption = Resumption(
            self._chronicle, self._queue, lambda: world.wishes.resume, lambda: world.router.settings.mid_turn
        )
        self._work = Work(
            self._chronicle,
            self._queue,
            self._approvals,
            self._hold,
            self._allowance,
            world.intake,
            self._resumption,
            self._turns,
            world.providers,
            world.router,
            owner,
        )
        self._hearing = Hearing(
            self._chronicle, self._approvals, self._hold, self._allowance, self._work, owner.view_changed
        )
        self._suspension = Suspension(self._chronicle, self._queue, self._work, self._hold, owner.begin_state)
        self._closing = Closing(
            self._chronicle, self._queue, self._work, self._hold, self._suspension, feed, lambda: self.view
        )
        self._changes = Changes(
            self._chronicle,
            self._approvals,
            self._work,
            self._hold,
            self._suspension,
            self._closing,
            lambda: self.view,
        )
        self._admission = Admission(
            self._chronicle,
            self._queue,
            self._work,
            self._allowance,
            world.intake,
            self._suspension,
            self._closing,
        )

    @property
    def facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def view(self) -> SessionView:
        return view(
            self.facts,
            attached=self._hold.ready,
            subscribers=len(self._feed.subscribers),
            queued=len(self._queue),
            background_tasks=len(self._hold.background_tasks),
        )

    @property
    def queue(self) -> tuple[Queued, ...]:
        return self._queue.waiting

    @property
    def resting(self) -> bool:
        """Nothing is in hand: the task may end, and the session be taken up again from its facts."""
        waits = self._closing.under_way or self._suspension.under_way or self._hold.readers or self._work.parking.taken
        return self._work.over and not waits

    @property
    def hears_out(self) -> bool:
        """The agent is to come to its end: the journal's reserve has room for what it says."""
        turn = self._work.turn
        return self._closing.under_way or (turn is not None and turn.interrupted)

    def begin(self) -> None:
        """What the life before has left open is closed first."""
        self._leftovers.close(self._chronicle, self._turns, self._approvals, self._allowance, self._resumption)
        self.commit()

    def look_for_provider(self) -> None:
        """If a prompt waits for one."""
        self._work.parking.look_again()

    def stop(self) -> None:
        """The daemon ends: what is in hand ends with it."""
        self._work.stop()
        self.commit()

    def commit(self) -> None:
        """What has changed becomes durable together."""
        self._chronicle.commit(self._queue.to_store())

    def take(self, message: Message) -> None:
        """One message; what it changes stands in the chronicle, and is durable with it."""
        match message:
            case Admit():
                self._admission.admit(message)
            case Cut():
                self._cut(message)
            case Unqueue(prompt_id=prompt_id, reply=reply):
                self._queue.withdraw(prompt_id)
                if self._work.parking.taken:
                    self._work.begin_next()  # the next one may not want to wait
                self._log.answer(reply, lambda: self._queue.prompts)
            case Resolve():
                self._changes.resolve(message)
            case Close():
                self._closing.begin(message)
            case Expire():
                self._closing.expire(message)
            case Configure():
                self._changes.configure(message)
            case EndTask():
                self._changes.stop_task(message)
            case Move():
                self._changes.move(message)
            case SettleForeign():
                self._changes.settle_foreign(message)
            case Handed(handover=handover, handoff=handoff):
                self._work.handed(handover, handoff)
            case Suspend():
                self._changes.suspend(message)
            case StandAside():
                self._suspension.stand_aside(message)
            case Export():
                self._suspension.give_out(message)
            case Resume():
                self._changes.resume(message)
            case StateMade():
                self._suspension.made()
            case Heard(report=report):
                self._hearing.hear(report)
            case RestartDue(epoch=epoch):
                self._work.pause_over(epoch)
            case GoOn():
                self._work.go_on_with_queue()
            case TurnDue() | Rest():
                pass  # what is due is looked after behind every message; to rest is the task's
            case _:
                assert_never(message)

    def mind_limits(self) -> float | None:
        """A question that nobody answers is closed; a turn that has reached a limit ends. Returns Trio's time at which
        to look again, whatever happens; None: there is nothing to look for."""
        self._approvals.expire(utc_now())
        failure = self._allowance.exceeded(trio.current_time())
        if failure is not None:
            self._work.cut_short(failure)
        ends = (self._approvals.due(), self._allowance.due() if failure is None else None)
        return min((end for end in ends if end is not None), default=None)

    def stands_aside(self) -> StandAside | None:
        """See `Suspension.stands_aside`."""
        return self._suspension.stands_aside()

    def wind_up(self) -> None:
        """Being suspended or closed: what is left of that, as far as it can be done now."""
        self._suspension.wind_up()
        self._closing.wind_up()

    def _answer(self, request_id: RequestId, answer: Answer) -> None:
        """The agent is told only after the decision is durable."""
        if request_id == OURS:
            self._work.decided(answer)
            return
        self._log.then(lambda: self._hold.post(Reply(request_id, answer)))

    def _cut(self, ask: Cut) -> None:
        turn = self._work.turn
        if ask.expected_turn is not None and (turn is None or turn.number != ask.expected_turn):
            ask.reply.set(False)
            return
        if ask.drop_queue:
            self._queue.drop()
            self._work.parking.leave()
        self._work.interrupt()
        self._log.answer(ask.reply, lambda: turn is not None)

    def _note_closed(self, approval: Approval) -> None:
        """Who answers too late learns who won, in the daemon's next life too."""
        self._log.keep(keys=(remembered(approval),))
        self._closed(approval)
