"""What becomes of a turn whose agent is gone or whose provider failed: again, further, elsewhere, later, or over."""

from __future__ import annotations

from typing import Protocol

import attrs

from jelmored.config.settings import MidTurn
from jelmored.domain.events import TurnCause, TurnReason, UsageNote
from jelmored.domain.failures import Failure, RunClass, RunEnd
from jelmored.domain.ids import Epoch
from jelmored.domain.prompts import WhenUnavailable
from jelmored.domain.status import Status
from jelmored.providers.base import TurnOver
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.record.learning import forget_native, is_native_lost
from jelmored.sessions.turn.allowance import Allowance
from jelmored.sessions.turn.queue import PromptQueue
from jelmored.sessions.turn.turns import Turn, failed
from jelmored.supervision.provider import ProviderSupervisor

from .failover import Failover
from .foreign import is_foreign, note_foreign
from .hold import RunHold
from .parking import Parking
from .router import Next, Nowhere, Router, after

OFFLINE_LOOK = 2.0  # seconds between two looks whether the network is back


class Patient(Protocol):
    """Whose turn it is."""

    @property
    def supervisor(self) -> ProviderSupervisor: ...

    def pursue(self) -> None:
        """Bring the prompt to an agent."""

    def end_turn(self, over: TurnOver, *, started: bool = True) -> None:
        """Record the end."""

    def remind(self, seconds: float, epoch: Epoch) -> None:
        """Say `pause_over(epoch)` after so many seconds."""


class Recovery:
    """Of the turns of one session."""

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        hold: RunHold,
        router: Router,
        failover: Failover,
        parking: Parking,
        allowance: Allowance,
        patient: Patient,
    ) -> None:
        self._chronicle = chronicle
        self._queue = queue
        self._hold = hold
        self._router = router
        self._failover = failover
        self._parking = parking
        self._allowance = allowance
        self._patient = patient

    def lost(self, turn: Turn, end: RunEnd) -> None:
        """The turn has lost its agent."""
        failure = end.failure
        follows = after(end, said=turn.said, side_effects=turn.side_effects)
        if failure is not None and not turn.said and is_native_lost(self._chronicle.facts, failure):
            forget_native(self._chronicle, failure)
            turn.put_down()
            self._patient.pursue()
        elif failure is not None and is_foreign(failure):
            self._wait_for_decision(turn, failure)
        elif turn.prompt is not None and follows in self._again:
            self._restart(turn, failure)
        elif failure is None:
            self._patient.end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        elif follows is Next.FAIL_OVER:
            self._note(turn, failure)
            self.refused(turn, failure)
        else:
            self._note(turn, failure)
            self.give_up(turn, failure)

    def _wait_for_decision(self, turn: Turn, failure: Failure) -> None:
        """The provider is well, and another one would not know better; the prompt is not lost."""
        note_foreign(self._chronicle)
        self._queue.put_back()
        self.give_up(turn, failure)

    @property
    def _again(self) -> tuple[Next, ...]:
        """What the same provider's next agent does."""
        continues = self._router.settings.mid_turn is MidTurn.CONTINUE
        return (Next.RESTART, Next.CONTINUE) if continues else (Next.RESTART,)

    def _restart(self, turn: Turn, failure: Failure | None) -> None:
        """Another agent of the same provider; after a failure, when a pause is over that grows."""
        self._failover.cut(turn, failure.message if failure else "the agent ended")
        if failure is None:
            self._patient.pursue()
        elif (delay := self._hold.next_try(turn.seconds)) is None:
            self._note(turn, failure)
            self.refused(turn, failure)
        else:
            self._patient.supervisor.note_restart()
            self._chronicle.note("run_restarting", f"the agent is started again in {delay:.1f} s")
            self._pause(delay)

    def refused(self, turn: Turn, failure: Failure, usage: UsageNote | None = None) -> None:
        """The provider can't do it: another one, a better moment, or the end of the turn."""
        if turn.prompt is None:
            self.give_up(turn, failure, usage)  # nobody has asked for it: there is nothing to give to another agent
        elif (
            self._router.offline and turn.prompt.when_unavailable is not WhenUnavailable.FAIL and self._may_go_on(turn)
        ):
            self._wait_for_network(turn, failure)
        elif (nowhere := self._failover.leave(turn, failure, usage or self._allowance.estimate)) is not None:
            self._stay(turn, failure, usage, nowhere)
        else:
            self._allowance.settle(usage or self._allowance.estimate)

    def _stay(self, turn: Turn, failure: Failure, usage: UsageNote | None, nowhere: Nowhere) -> None:
        if nowhere.why:
            self._chronicle.note("no_failover", nowhere.why)
        prompt = turn.prompt if self._may_wait(turn, failure) else None
        if prompt is not None:
            cut = {"cut": failure.message, "cut_after": turn.after} if turn.side_effects else {}
            self._queue.put_back(**cut)
        self.give_up(turn, failure, usage)
        if prompt is not None:
            self._parking.park(prompt, nowhere)

    def _may_wait(self, turn: Turn, failure: Failure) -> bool:
        """Its prompt has another turn when a provider can take it; what is its own fault, time does not mend."""
        wants = turn.prompt is not None and turn.prompt.when_unavailable is WhenUnavailable.WAIT
        return wants and failure.cls is not RunClass.REQUEST and self._may_go_on(turn)

    def _may_go_on(self, turn: Turn) -> bool:
        """Without a person's word, after what it has done."""
        return not turn.side_effects or self._router.settings.mid_turn is MidTurn.CONTINUE

    def _wait_for_network(self, turn: Turn, failure: Failure) -> None:
        """No provider is to blame, and none would do better."""
        self._failover.cut(turn, failure.message)
        self._chronicle.note("offline", f"{failure.message}; the turn goes on when the network is back")
        self._pause(OFFLINE_LOOK)

    def _pause(self, seconds: float) -> None:
        self._hold.pausing = True
        self._patient.remind(seconds, self._hold.epoch)
        self._patient.pursue()  # so that the status says that an agent is waited for

    def pause_over(self) -> None:
        """Another try, unless the network is still gone."""
        if not self._hold.pausing:
            return
        if self._router.offline:
            self._patient.remind(OFFLINE_LOOK, self._hold.epoch)
        else:
            self._hold.pausing = False
            self._patient.pursue()

    def give_up(self, turn: Turn, failure: Failure, usage: UsageNote | None = None) -> None:
        """The turn has failed for good."""
        cause = TurnCause.CRASH if failure.cls is RunClass.CRASH else None
        over = attrs.evolve(failed(failure, cause), usage=usage)
        self._patient.end_turn(over, started=self._chronicle.facts.status is not Status.INITIALIZING)

    def _note(self, turn: Turn, failure: Failure) -> None:
        """The provider hears of it; where the agent was there to say so, it has."""
        supervisor = self._patient.supervisor
        if turn.said:
            supervisor.note_turn(failed(failure))
        else:
            supervisor.note_start_failed(failure)
