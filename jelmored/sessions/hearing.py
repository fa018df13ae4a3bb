"""What a run tells its session: it is kept in the log; what it means for the turn in hand is `work.py`'s to decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from jelmored.domain.events import Draft, ToolUse
from jelmored.domain.failures import RunEnd
from jelmored.domain.permissions import HARMLESS
from jelmored.providers.base import (
    Asked,
    Delta,
    ItemVoided,
    RunEvent,
    RunFacts,
    Taken,
    TakenBack,
    TurnBegan,
    TurnOver,
    Withdrawn,
)
from jelmored.supervision.reports import Ready, Report, SleepWanted, Waiting

from .agent.hold import RunHold
from .record.chronicle import Chronicle
from .record.learning import joined, learn, note_mark
from .turn.allowance import Allowance
from .turn.approvals import Approvals
from .work import Work


class Hearing:
    """One session's ear.

    Args:
        work: what the session is at.
        changed: what clients see of the session is another thing now.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        approvals: Approvals,
        hold: RunHold,
        allowance: Allowance,
        work: Work,
        changed: Callable[[], None],
    ) -> None:
        self._chronicle = chronicle
        self._approvals = approvals
        self._hold = hold
        self._allowance = allowance
        self._work = work
        self._changed = changed

    def hear(self, report: Report) -> None:
        """One report; of a former run, nothing."""
        if not self._hold.knows(report):
            return
        match report.news:
            case Ready(facts=facts):
                self._hold.ready = True
                self._changed()
                learn(self._chronicle, facts)
                self._work.pursue()
            case Waiting(reason=reason):
                self._chronicle.note("waiting_for_place", reason)
            case SleepWanted():
                self._work.let_sleep()
            case RunEnd() as end:
                self._work.lose_run(end)
            case events if self._work.leaves_run:
                self._mind_last_words(events)
            case events:
                for event in joined(events):
                    self._take(event)

    def _mind_last_words(self, news: Sequence[RunEvent]) -> None:
        """Of a run that is left."""
        for event in news:
            if isinstance(event, RunFacts):
                note_mark(self._chronicle, event)

    def _take(self, event: RunEvent) -> None:
        match event:
            case Delta():
                self._chronicle.log.stream(event, self._chronicle.turn)
            case Draft():
                self._watch_for_effects(event)
                self._chronicle.record(event)
            case ItemVoided():
                self._chronicle.log.void(event.item_id, event.reason)
            case TurnBegan(prompt_ids=prompt_ids):
                self._work.agent_began(prompt_ids)
            case Taken(prompt_id=prompt_id):
                self._work.taken(prompt_id)
            case TakenBack(prompt_id=prompt_id):
                self._work.taken_back(prompt_id)
            case TurnOver():
                if self._is_ours(event):
                    self._work.turn_over(event)
            case Asked(request=request):
                self._approvals.take(request)
            case Withdrawn(request_id=request_id):
                self._approvals.withdraw(request_id)
            case RunFacts():
                self._note(event)
            case _:
                assert_never(event)

    def _note(self, told: RunFacts) -> None:
        if told.background_tasks not in (None, self._hold.background_tasks):
            self._changed()  # a task may end without an event
        self._hold.note(told)
        self._allowance.note(told.spent)
        self._work.supervisor.note_quota(told.quota)
        learn(self._chronicle, told)

    def _is_ours(self, over: TurnOver) -> bool:
        """Not the end of a turn of the agent's own that was on its way while we began one."""
        turn = self._work.turn
        return turn is None or turn.by_agent or over.origin == "prompt"

    def _watch_for_effects(self, draft: Draft) -> None:
        turn = self._work.turn
        if turn and isinstance(draft.metadata, ToolUse) and draft.metadata.kind not in HARMLESS:
            turn.side_effects = True
