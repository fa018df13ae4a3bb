"""The turn in hand and the run that it is on: from a prompt to its agent, and what becomes of it when either ends.

It decides and never waits: what it wants of an agent it posts, what becomes of it is told later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jelmored.domain.events import TurnCause, TurnReason
from jelmored.domain.failures import Failure, RunClass, RunEnd
from jelmored.domain.handoff import Cut, Handoff
from jelmored.domain.ids import Epoch, PromptId
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status, Step
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import SessionChange, TurnOver
from jelmored.supervision.provider import ProviderSupervisor
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Reconfigure, Say, Steer, Stop

from .agent.briefing import Briefing
from .agent.failover import MOVED, RETURNED, Done, Failover
from .agent.foreign import waits_for_decision
from .agent.handover import Handover
from .agent.hold import RunHold
from .agent.parking import Parking
from .agent.recovery import Recovery
from .agent.router import Next, Route, Router, after_turn
from .record.chronicle import Chronicle
from .record.learning import forget_mark, note_end, note_reminder
from .turn.allowance import Allowance
from .turn.approvals import Approvals
from .turn.intake import Intake
from .turn.queue import PromptQueue
from .turn.resumption import Resumption
from .turn.turns import Turn, Turns, failed, holds_queue

LEFT = Failure(kind=ErrorKind.AGENT_CRASHED, message="the agent ended by itself, in a turn")


class Owner(Protocol):
    """What the session does for its work."""

    def view_changed(self) -> None:
        """What clients see of the session is another thing now."""

    def remind(self, seconds: float, epoch: Epoch) -> None:
        """Say `pause_over(epoch)` after so many seconds."""

    def hand_over(self, handover: Handover) -> None:
        """Read the log beside the session's task; `handed` is said with the outcome."""


class Work:
    """What one session is at.

    Args:
        chronicle: of the session.
        queue: the prompts that wait.
        approvals: what the agent asks.
        hold: of the run; it outlives a reset of the session.
        allowance: what the session may take.
        intake: whether turns may begin.
        resumption: knows what becomes of a turn that the end of the daemon cuts.
        turns: has the one in hand.
        providers: where runs come from.
        router: knows where work can go on.
        owner: the session.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        approvals: Approvals,
        hold: RunHold,
        allowance: Allowance,
        intake: Intake,
        resumption: Resumption,
        turns: Turns,
        providers: Providers,
        router: Router,
        owner: Owner,
    ) -> None:
        self.ending = False
        """The session is being closed or suspended: no other turn begins."""
        self._chronicle = chronicle
        self._queue = queue
        self._approvals = approvals
        self._hold = hold
        self._allowance = allowance
        self._intake = intake
        self._resumption = resumption
        self._turns = turns
        self._providers = providers
        self._router = router
        self._owner = owner
        self._briefing = Briefing(chronicle, router, owner.hand_over)
        self._failover = Failover(chronicle, queue, approvals, hold, router, self._briefing, self)
        self.parking = Parking(chronicle, hold, router, owner)
        self._recovery = Recovery(chronicle, queue, hold, router, self._failover, self.parking, allowance, self)
        self._outdated = False
        """The agent was started with what is not so any more: it is closed after its turn."""

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def turn(self) -> Turn | None:
        """The one in hand."""
        return self._turns.now

    @property
    def supervisor(self) -> ProviderSupervisor:
        return self._providers[self._facts.provider]

    # Turns

    def begin(self, prompt: Prompt) -> None:
        """Start a turn with this."""
        turn = self._turns.begin(prompt)
        if prompt.cut is not None:
            turn.cut, turn.side_effects = Cut(why=prompt.cut), True
            self._failover.tell_of_cut(turn)
        if (obstacle := self._router.obstacle(self._facts, prompt, placed=self._hold.listens)) is not None:
            self._chronicle.step(Step.RUN_STARTING)
            self._recovery.refused(turn, obstacle)
        elif (home := self._router.way_back(self._facts, prompt)) is not None:
            self._failover.move(home, RETURNED, turn)
        else:
            self.pursue()

    @property
    def free(self) -> bool:
        """Nothing is in hand that a turn would have to wait for."""
        if self.ending or self._facts.status is Status.SUSPENDED:
            return False
        return self._idle and not self._failover.under_way

    @property
    def may_begin(self) -> bool:
        """A turn may begin."""
        return self.free and self._intake.open

    def begin_next(self) -> None:
        """Start a turn with the prompt that has waited longest, if one may start, and a provider can take it or it
        does not want to wait for one."""
        if (prompt := self._queue.first) is None:
            self.parking.leave()
        if not self.may_begin or prompt is None or waits_for_decision(self._facts):
            return
        if not self._allowance.lets_begin(len(self._queue)):
            return
        if (nowhere := self.parking.refusal(prompt)) is not None:
            self.parking.park(prompt, nowhere)
            return
        self.parking.leave()
        self._queue.take()
        self.begin(prompt)

    def go_on_with_queue(self) -> None:
        """Turns may begin again: one does, if prompts only waited for that."""
        if not self._resumption.waits:
            self.begin_next()

    @property
    def steerable(self) -> bool:
        """A prompt may be put into the turn in hand."""
        return self.turn is not None and not self.turn.interrupted and self.supervisor.capabilities.steer

    def steer(self, prompt: Prompt) -> None:
        """Put it into the turn in hand; if its agent is not there yet, right behind the turn's own prompt."""
        if self.turn is not None and self.turn.said:
            self._hold.post(Steer(prompt))

    def interrupt(self) -> None:
        """End the turn in hand; its end follows, from the agent or from the end of its run."""
        turn = self.turn
        if turn is None and self._queue.given:  # the agent is just about to begin with them
            self._hold.post(Stop())
        if turn is None or turn.interrupted:
            return
        self._turns.note_interrupted(turn)
        self._hold.pausing = False
        if self._hold.empty:
            self._failover.forget()
            self.end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        elif turn.said:
            self._hold.post(Stop())
        else:
            self._hold.close()

    def cut_short(self, failure: Failure) -> None:
        """End the turn in hand, for a limit is reached; a client that wanted its end already was first."""
        if self.turn is not None and not self.turn.interrupted:
            self.turn.exceeded = failure
            self.interrupt()

    def end_with_answer(self) -> None:
        """A client's answer is to end the turn too. The agent may end with it only a part of what it does: it is told
        to stop, behind the answer."""
        if self.turn is not None and not self.turn.interrupted:
            self._turns.note_interrupted(self.turn)
            self._chronicle.log.then(lambda: self._hold.post(Stop()))

    def pause_over(self, epoch: Epoch) -> None:
        """Another try with an agent that crashed; another look for a provider; the last moment of an old run."""
        if self.parking.taken:  # whatever runs there have been since the look was asked for
            self.begin_next()
            self.parking.look_again()
        if epoch == self._hold.epoch:
            self._failover.proof_due(epoch)
            self._recovery.pause_over()

    def change(self, change: SessionChange) -> None:
        """The agent is told, if there is one; else it is started so."""
        self._hold.post(Reconfigure(change))

    def renew(self) -> None:
        """What can't be told to an agent that is there: it is started anew for its next turn."""
        self._outdated = True
        self._close_outdated()

    def _close_outdated(self) -> None:
        if self._outdated and self._idle:
            self._outdated = False
            self._hold.close()

    @property
    def _idle(self) -> bool:
        """The agent has nothing to do, and was given nothing."""
        return self.turn is None and not self._queue.given

    def agent_began(self, prompt_ids: Sequence[PromptId]) -> None:
        """A turn that the agent began: by itself, or with what came too late to steer the last one."""
        if self.turn is not None:
            for prompt_id in prompt_ids:
                self.taken(prompt_id)
            return
        prompts = self._queue.start_with(prompt_ids)
        self._turns.begin(prompts[0] if prompts else None, by_agent=True)
        for prompt in prompts[1:]:
            self._chronicle.note("steered", "this prompt went into the turn too", promptId=prompt.prompt_id)

    def taken(self, prompt_id: PromptId) -> None:
        """The agent has read it, in the turn in hand."""
        for _ in self._queue.settle([prompt_id]):
            self._chronicle.note("steered", "the agent has read the prompt", promptId=prompt_id)

    def taken_back(self, prompt_id: PromptId) -> None:
        """The agent will not take it up."""
        self._queue.take_back(prompt_id)
        self.begin_next()

    def pursue(self) -> None:
        """Bring the prompt in hand to an agent: say it, or see that there will be one to say it to."""
        turn = self.turn
        if turn is None or turn.said or turn.words is None or self._failover.under_way or self._intake.stopping:
            return
        if self._hold.empty and not turn.told:
            self._briefing.agent_starts()
        if self._briefing.lacks(turn):
            self._briefing.ask(turn, self._facts)
        elif self._hold.listens and not (self._hold.pausing or self._hold.readers):
            self._say(turn, turn.words)
            return
        if self._facts.status is not Status.INITIALIZING:
            self._chronicle.step(Step.RUN_STARTING)
        if self._hold.empty and not (self._hold.pausing or self._hold.readers):
            self._open_run()

    def _say(self, turn: Turn, words: Prompt) -> None:
        self._chronicle.step(Step.TURN_STARTED)
        turn.said = True
        note_reminder(self._chronicle, turn.handoff)
        self._hold.post(Say(words))
        for prompt in self._queue.steering:
            self._hold.post(Steer(prompt))

    def handed(self, handover: Handover, handoff: Handoff | None) -> None:
        """The handoff that was asked for is made; None: there is nothing to tell."""
        if not self._briefing.made(handover):
            return
        if self.turn is not None:
            self.turn.told, self.turn.handoff = True, handoff
        self._failover.arrived(handoff)
        self.pursue()
        self.begin_next()

    def end_turn(self, over: TurnOver, *, started: bool = True) -> None:
        """Exactly once a turn.

        Args:
            started: false if its run could not be started; the session has failed then.
        """
        turn = self.turn
        if turn is None:
            return
        over = self._allowance.closed(over, turn)
        cause = self._cause(turn, over)
        self._approvals.cancel()
        if cause is TurnCause.DAEMON_RESTART:
            self._resumption.cut_by_stop(after=turn.after, said=turn.said, side_effects=turn.side_effects)
        if not (turn.said or waits_for_decision(self._facts)):
            forget_mark(self._chronicle)  # the agent has not been given the prompt: the next one is looked at, and told
        heard = turn.said and over.reason is not TurnReason.FAILED and (turn.told or not self._briefing.owing)
        self._failover.forget()
        self._turns.end(turn, over, cause, Step.TURN_ENDED if started else Step.START_FAILED, heard=heard)
        if self._hold.empty:
            self._queue.take_all_back()
        if over.reason is TurnReason.COMPLETED:
            self._hold.stabilised()
        self._close_outdated()
        if holds_queue(over):
            self._chronicle.know(held=True)
        else:
            self.begin_next()

    def _cause(self, turn: Turn, over: TurnOver) -> TurnCause | None:
        """Only we know who wanted the end: for an agent, a client's interrupt and our own are the same."""
        if over.reason is not TurnReason.INTERRUPTED:
            return over.cause
        if turn.interrupted:
            return TurnCause.USER
        return TurnCause.DAEMON_RESTART if self._intake.stopping else over.cause or TurnCause.AGENT

    def stop(self) -> None:
        """The daemon ends: what is in hand ends with it."""
        self.end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        self._queue.take_all_back()

    # The run

    def _open_run(self) -> None:
        try:
            self._hold.open(self.supervisor, self._facts)
        except Refused as no:
            failure = Failure(kind=ErrorKind.NO_PROVIDER, message=no.message, remedy=no.remedy)
            self.end_turn(failed(failure, TurnCause.NO_PROVIDER), started=False)

    def turn_over(self, over: TurnOver) -> None:
        """The agent says that its turn is over. It may be there still, though its provider failed."""
        self.supervisor.note_turn(over)
        turn, failure = self.turn, over.failure
        if turn is None or failure is None or turn.interrupted or after_turn(failure) is not Next.FAIL_OVER:
            self.end_turn(over)
        else:
            self._recovery.refused(turn, failure, over.usage)

    @property
    def leaves_run(self) -> bool:
        """For another provider: what the run still tells does not count any more, but its end does."""
        return self._failover.leaves

    def let_sleep(self) -> None:
        """The run is idle, and is to end if nothing is in hand."""
        if self._idle:
            self._hold.close()

    def lose_run(self, end: RunEnd) -> None:
        """The run is over: what becomes of the turn that it had?"""
        self._hold.lose()
        self._allowance.settle_run()
        self._outdated = False
        self._owner.view_changed()
        turn = self.turn
        if turn is not None and end.cls is RunClass.NORMAL:
            end = RunEnd.failed(LEFT)
        if end.failure is not None:
            note_end(self._chronicle, end.failure)
        if turn is not None and turn.interrupted:
            self.end_turn(TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER))
        elif turn is not None and self._intake.stopping:
            self.end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        elif self._failover.leaves:
            self._failover.old_run_over()
        elif turn is None:
            self._approvals.cancel()
            self._take_up_again()
        else:
            self._recovery.lost(turn, end)

    def _take_up_again(self) -> None:
        """The agent went with prompts that it had not begun with: they have the next turns."""
        if self._queue.given:
            self._queue.take_all_back()
            self.begin_next()

    def give_up(self, turn: Turn, failure: Failure) -> None:
        """The turn has failed for good."""
        self._recovery.give_up(turn, failure)

    def remind(self, seconds: float, epoch: Epoch) -> None:
        """Say `pause_over(epoch)` after so many seconds."""
        self._owner.remind(seconds, epoch)

    def move(self, route: Route, done: Done) -> None:
        """To another provider, because a client wants it. Only between turns."""
        self._failover.move(route, MOVED, None, done)

    def decided(self, answer: Answer) -> None:
        """A person has answered what we asked."""
        self._failover.decided(answer)

    @property
    def over(self) -> bool:
        """No turn is in hand, and no agent is there."""
        return self.turn is None and self._hold.empty and not self._failover.under_way

    def wind_up(self) -> None:
        """Being ended: after the turn the run."""
        if self.turn is None and not self._hold.empty:
            self._hold.close()
