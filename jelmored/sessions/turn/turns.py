"""The turn in hand, its beginning and its end, and what is recorded then, in the order of protocol 1, section 4."""

from __future__ import annotations

import attrs
import trio

from jelmored import logs
from jelmored.domain.budget import day_of
from jelmored.domain.events import (
    DeltaKind,
    Draft,
    ErrorNote,
    EventType,
    OpenItem,
    Said,
    TurnCause,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UsageNote,
)
from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.handoff import Cut, Handoff
from jelmored.domain.ids import ProviderName
from jelmored.domain.prompts import Prompt, TextBlock
from jelmored.domain.sessions import OpenTurn
from jelmored.domain.status import Step
from jelmored.domain.times import utc_now
from jelmored.domain.usage import UsageEntry, usage_of
from jelmored.providers.base import TurnOver
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.record.learning import note_heard

from .queue import PromptQueue


@attrs.define
class Turn:
    """The turn in hand.

    Args:
        prompt: None for a turn that nobody prompted.
        by_agent: the agent began it: by itself, or with what came too late to steer the last one.
        started: Trio's time.
        said: the agent was given the prompt.
        interrupted: a client asked for its end.
        side_effects: a tool was used that may have changed something.
        exceeded: the limit for which we have cut it.
        after: the number of the last event before it, or before the first of the turns that it goes on with.
        refused: providers that failed in this turn; none of them is tried again in it.
        cut: its agent is gone, and may have changed something: it is gone on with, not begun anew.
        told: what the agent has to be told before the prompt is there: `handoff`, or nothing.
    """

    number: int
    prompt: Prompt | None
    started: float
    by_agent: bool = False
    said: bool = False
    interrupted: bool = False
    side_effects: bool = False
    after: int = 0
    refused: set[ProviderName] = attrs.field(factory=set)
    cut: Cut | None = None
    told: bool = False
    handoff: Handoff | None = None
    exceeded: Failure | None = None

    @property
    def words(self) -> Prompt | None:
        """The prompt as the agent gets it: behind what it has to be told first."""
        if self.prompt is None or self.handoff is None:
            return self.prompt
        return attrs.evolve(self.prompt, blocks=(TextBlock(text=self.handoff.text), *self.prompt.blocks))

    def put_down(self) -> None:
        """Its agent is gone: another one gets the prompt, or the same one again."""
        self.said = self.told = False
        self.handoff = None

    @property
    def seconds(self) -> float:
        """Since it began."""
        return trio.current_time() - self.started


class Turns:
    """Of one session: the one in hand, and what the facts have of it.

    Args:
        queue: keeps its prompt until it is over.
    """

    def __init__(self, chronicle: Chronicle, queue: PromptQueue) -> None:
        self.now: Turn | None = None
        self._chronicle = chronicle
        self._queue = queue

    def begin(self, prompt: Prompt | None, *, by_agent: bool = False) -> Turn:
        """The next one."""
        facts = self._chronicle.facts
        number = facts.turn + 1
        first = prompt.cut_after if prompt else None
        after = facts.seq if first is None else first
        turn = Turn(number, prompt, trio.current_time(), by_agent=by_agent, said=by_agent, after=after)
        self.now = turn
        self._chronicle.turn = number
        logs.in_turn(number)
        prompt_id = prompt.prompt_id if prompt else None
        opened = OpenTurn(number=number, prompt_id=prompt_id, started_at=utc_now(), after=after)
        self._chronicle.know(turn=number, open_turn=opened, held=False)
        started = TurnStarted(prompt_id=prompt_id, origin="prompt" if prompt else "agent")
        self._chronicle.record(Draft(EventType.TURN_STARTED, "", started))
        if by_agent:
            self._chronicle.step(Step.TURN_STARTED)
        return turn

    def note_interrupted(self, turn: Turn) -> None:
        """A client wants its end. Should the daemon die now, nobody wants to have it gone on with."""
        turn.interrupted = True
        if (opened := self._chronicle.facts.open_turn) is not None:
            self._chronicle.know(open_turn=attrs.evolve(opened, interrupted=True))

    def end(self, turn: Turn, over: TurnOver, cause: TurnCause | None, step: Step, *, heard: bool) -> None:
        """It is over. `heard`: the agent has all of the conversation up to here."""
        record_end(self._chronicle, over, cause, turn.seconds)
        if heard:
            note_heard(self._chronicle)
        self._forget(step)

    def close_cut(self, over: TurnOver, cause: TurnCause) -> None:
        """The one that a former life has left open in the facts is over."""
        if (opened := self._chronicle.facts.open_turn) is not None:
            lasted = max((utc_now() - opened.started_at).total_seconds(), 0)
            record_end(self._chronicle, over, cause, lasted)
            self._forget(Step.TURN_ENDED)

    def _forget(self, step: Step) -> None:
        self.now = self._chronicle.turn = None
        self._queue.turn_over()
        logs.in_turn(None)
        self._chronicle.know(open_turn=None)
        self._chronicle.step(step)


def record_end(chronicle: Chronicle, over: TurnOver, cause: TurnCause | None, seconds: float) -> None:
    """Everything that the end of a turn records, but the change of status."""
    close_items(chronicle, "the turn ended")
    error = _record_failure(chronicle, over.failure)
    if over.usage is not None:
        record_usage(chronicle, over.usage)
    note = TurnEnded(reason=over.reason, cause=cause, error=error, duration_ms=int(seconds * 1000))
    chronicle.record(Draft(EventType.TURN_ENDED, over.reason, note))


def record_setback(chronicle: Chronicle, failure: Failure, usage: UsageNote | None) -> None:
    """A run failed under a turn that goes on elsewhere."""
    _record_failure(chronicle, failure)
    if usage is not None:
        record_usage(chronicle, usage)


def close_items(chronicle: Chronicle, reason: str) -> None:
    """What still streams is closed with what there is of it."""
    for item in chronicle.log.open_items.snapshot():
        close_item(chronicle, item, reason)


def close_item(chronicle: Chronicle, item: OpenItem, reason: str) -> None:
    if item.kind is DeltaKind.TOOL_OUTPUT or not item.text:
        chronicle.log.void(item.item_id, reason)
        return
    kind = EventType.ASSISTANT if item.kind is DeltaKind.TEXT else EventType.THINKING
    said = Said(item_id=item.item_id, parent_tool_use_id=item.parent_tool_use_id, partial=True)
    chronicle.record(Draft(kind, item.text, said))


def void_items(chronicle: Chronicle, reason: str) -> None:
    """What streamed is void: the agent does its answer over."""
    for item in chronicle.log.open_items.snapshot():
        chronicle.log.void(item.item_id, reason)


def failed(failure: Failure, cause: TurnCause | None = None) -> TurnOver:
    return TurnOver(reason=TurnReason.FAILED, cause=cause, failure=failure)


def holds_queue(over: TurnOver) -> bool:
    """What waits is not thrown at a provider that just failed; the next prompt does."""
    return over.failure is not None and over.failure.cls is not RunClass.REQUEST


def _record_failure(chronicle: Chronicle, failure: Failure | None) -> ErrorNote | None:
    if failure is None:
        return None
    note = ErrorNote(kind=failure.kind, retryable=failure.retryable, remedy=failure.remedy, retry_at=failure.retry_at)
    chronicle.record(Draft(EventType.ERROR, failure.message, note))
    return note


def record_usage(chronicle: Chronicle, usage: UsageNote) -> None:
    """What a run took for the turn: an event, and a part of the sums of the session and the day."""
    line = f"{usage.input_tokens} in, {usage.output_tokens} out, ${usage.cost_usd:.4f} ({usage.model})"
    chronicle.record(Draft(EventType.USAGE, line, usage))
    facts, taken = chronicle.facts, usage_of(usage)
    entry = UsageEntry(
        day=day_of(facts.last_activity),
        session_id=facts.session_id,
        provider=facts.provider,
        model=usage.model,
        usage=taken,
    )
    chronicle.log.keep(usage=(entry,))
    chronicle.know(usage=facts.usage + taken)
