"""Takes the work of one session from a provider to another: one that failed, or one that a client wants to leave.

The next agent is told nothing before two things are there: the proof that the old run is over, and the handoff. It
decides and never waits: what it needs is asked for, and told later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from jelmored.config.settings import MidTurn
from jelmored.domain.events import Carried, Draft, EventType, FailedOver, UsageNote
from jelmored.domain.failures import Failure
from jelmored.domain.handoff import Cut, Handoff
from jelmored.domain.ids import Epoch, ProviderName, RequestId
from jelmored.domain.permissions import Answer, PermissionRequest, Question, QuestionOption, ToolKind
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status, Step
from jelmored.errors import ErrorKind
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.turn.approvals import Approvals
from jelmored.sessions.turn.queue import PromptQueue
from jelmored.sessions.turn.turns import Turn, close_items, record_setback, void_items

from .briefing import Briefing, known_at
from .hold import RunHold
from .router import Nowhere, Route, Router

PROOF = 5.0  # seconds in which the old run must be over (design 2)
LAST_PROOF = 15.0  # seconds until its turn fails for the lack of it; an agent that clings is stopped meanwhile
OURS = RequestId("jelmored:failover")
"""What we ask ourselves, not an agent."""
GO_ON, STOP = "Go on", "Stop"
MOVED, RETURNED = "moved", "returned"
Done = Callable[[Failure | None], None]


class Owner(Protocol):
    """What the work in hand does for it."""

    def give_up(self, turn: Turn, failure: Failure) -> None:
        """The turn can't go on."""

    def remind(self, seconds: float, epoch: Epoch) -> None:
        """Say `proof_due(epoch)` after so many seconds."""


@attrs.define
class Transfer:
    """A change of provider under way.

    Args:
        cause: the kind of the failure, or `moved`, or `returned`.
        origin: the provider that is left.
        turn: that goes along; None between turns.
        failure: why, where something failed.
        done: told when it is recorded, or why it has come to nothing, where it moves no turn.
        agreed: a person has been asked and has said yes, or need not be.
        crossed: the old run is over.
    """

    route: Route
    cause: str
    origin: ProviderName
    turn: Turn | None = None
    failure: Failure | None = None
    done: Done = lambda failure: None
    agreed: bool = True
    crossed: bool = False


class Failover:
    """The way of one session between providers.

    Args:
        approvals: to ask a person before a cut turn goes on, where the configuration wants that.
        hold: of the run that is left.
        router: knows where work can go on.
        briefing: makes the handoff.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        approvals: Approvals,
        hold: RunHold,
        router: Router,
        briefing: Briefing,
        owner: Owner,
    ) -> None:
        self._transfer: Transfer | None = None
        self._chronicle = chronicle
        self._queue = queue
        self._approvals = approvals
        self._hold = hold
        self._router = router
        self._briefing = briefing
        self._owner = owner

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def under_way(self) -> bool:
        """No other work is done meanwhile."""
        return self._transfer is not None

    @property
    def leaves(self) -> bool:
        """What the old run still tells does not count any more, but its end does."""
        return self._transfer is not None and not self._transfer.crossed

    # Leaving

    def leave(self, turn: Turn, failure: Failure, usage: UsageNote | None = None) -> Nowhere | None:
        """The turn can't go on where it is. Returns why it can't elsewhere either; nothing has changed then."""
        turn.refused.add(self._facts.provider)
        policy = self._router.settings.mid_turn
        if turn.side_effects and policy is MidTurn.STOP:
            return Nowhere("the turn may have changed something, and failover.mid_turn is stop")
        route = self._router.onward(self._facts, turn.prompt, refused=turn.refused, failure=failure, under_way=True)
        if isinstance(route, Nowhere):
            return route
        record_setback(self._chronicle, failure, usage)
        self._approvals.cancel()
        self._put_down(turn, Cut(why=f"{self._facts.provider} failed ({failure.kind})"))
        self._router.note_failover(self._facts.provider)
        self._transfer = Transfer(route, failure.kind, self._facts.provider, turn, failure)
        if turn.side_effects and policy is MidTurn.ASK:
            self._transfer.agreed = False
            self._ask(failure, route)
        else:
            self._set_out()
        return None

    def cut(self, turn: Turn, why: str) -> None:
        """The agent crashed. The same one goes on with the turn, if that may have changed something, and is told so;
        else it does it over."""
        self._approvals.cancel()
        self._queue.give_again()
        self._put_down(turn, Cut(why=why))
        self.tell_of_cut(turn)

    def tell_of_cut(self, turn: Turn) -> None:
        """The provider's next agent goes on with it: one that has lost its own session is told all."""
        native = self._facts.native.get(self._facts.provider)
        resumes = native is not None and native.used
        if turn.cut is None:
            return
        turn.cut = attrs.evolve(turn.cut, same_agent=resumes)
        if not resumes and self._facts.behind is None:
            self._chronicle.know(behind=0)

    def move(self, route: Route, cause: str, turn: Turn | None, done: Done = lambda failure: None) -> None:
        """Go to another provider though nothing has failed. What the agent asks outside of a turn goes with it."""
        self._approvals.cancel()
        self._transfer = Transfer(route, cause, self._facts.provider, turn, done=done)
        self._set_out()

    def _put_down(self, turn: Turn, cut: Cut) -> None:
        """The prompt is given again; a turn that may have changed something is gone on with."""
        self._briefing.forget()
        turn.put_down()
        if turn.side_effects:
            turn.cut = cut
            close_items(self._chronicle, "the turn was cut")
        else:
            void_items(self._chronicle, "the answer is done over")

    # A person's word, where the configuration wants it

    def _ask(self, failure: Failure, route: Route) -> None:
        told = f"{self._facts.provider} failed after the turn may have changed something: {failure.message}"
        question = Question(
            id="failover",
            header="Failover",
            question=f"{told}. Go on at {route.provider}?",
            options=(QuestionOption(label=GO_ON), QuestionOption(label=STOP)),
        )
        title = f"go on at {route.provider}?"
        self._approvals.take(
            PermissionRequest(
                request_id=OURS, tool_name="failover", kind=ToolKind.OTHER, title=title, input={}, questions=(question,)
            )
        )

    def decided(self, answer: Answer) -> None:
        """A person has answered."""
        transfer = self._transfer
        if transfer is None or transfer.turn is None or transfer.failure is None:
            return
        if (answer.answers or {}).get("failover") == (GO_ON,):
            transfer.agreed = True
            self._set_out()
        else:
            self.forget()
            self._owner.give_up(transfer.turn, transfer.failure)

    # Crossing

    def _set_out(self) -> None:
        moves_turn = self._transfer is not None and self._transfer.turn is not None
        if moves_turn and self._facts.status is not Status.INITIALIZING:
            self._chronicle.step(Step.RUN_STARTING)
        if self._hold.empty:
            self.old_run_over()
        else:
            self._hold.close(within=PROOF)
            self._owner.remind(LAST_PROOF, self._hold.epoch)

    def proof_due(self, epoch: Epoch) -> None:
        """The old run should be over by now. Two agents never work for one session at once: the turn fails."""
        transfer = self._transfer
        if transfer is None or transfer.crossed or epoch != self._hold.epoch:
            return
        self.forget()
        told = f"the agent of {transfer.origin} did not end within {LAST_PROOF:.0f} s"
        failure = Failure(kind=ErrorKind.AGENT_CRASHED, message=told)
        if transfer.turn is not None:
            self._owner.give_up(transfer.turn, failure)
        else:
            transfer.done(failure)

    def old_run_over(self) -> None:
        """Nothing of it is left: what the next agent has to be told is looked up."""
        transfer = self._transfer
        if transfer is None or transfer.crossed or not transfer.agreed:
            return
        transfer.crossed = True
        if transfer.turn is not None and transfer.turn.cut is not None:
            transfer.turn.cut = attrs.evolve(transfer.turn.cut, same_agent=False)
        self._queue.give_again()
        if not self._router.steers(transfer.route.provider):
            self._queue.take_all_back()
        self._briefing.ask(transfer.turn, attrs.evolve(self._facts, **_there(self._facts, transfer)))

    def arrived(self, handoff: Handoff | None) -> None:
        """The handoff is made: from now on the session is the new provider's, and its log says so at once. None: there
        was nothing to tell."""
        transfer = self._transfer
        if transfer is None or not transfer.crossed:
            return
        self._transfer = None
        self._chronicle.know(**_there(self._facts, transfer))
        self._hold.begin_anew()
        carried = handoff.carried if handoff else Carried(turns=0, characters=0)
        origin, target = transfer.origin, transfer.route.provider
        note = FailedOver(from_=origin, to=target, cause=transfer.cause, carried=carried)
        self._chronicle.record(Draft(EventType.FAILOVER, f"{origin} → {target}: {transfer.cause}", note))
        transfer.done(None)

    def forget(self) -> None:
        """The turn is over, or is to be."""
        self._transfer = None
        self._briefing.forget()


def _there(facts: Facts, transfer: Transfer) -> dict[str, Any]:
    """What is another thing at the new provider."""
    route = transfer.route
    return {
        "provider": route.provider,
        "routed_model": route.model,
        "model": None,
        "context": None,
        "commands": (),
        "behind": known_at(facts, route.provider),
        "home": _home(facts, transfer),
    }


def _home(facts: Facts, transfer: Transfer) -> ProviderName | None:
    """Where the session goes back to when that is well again; where a client has moved it, it is at home."""
    if transfer.cause == MOVED or transfer.route.provider == facts.home:
        return None
    return facts.home or transfer.origin
