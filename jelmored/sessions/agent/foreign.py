"""Somebody else has gone on with the agent's own session, in a terminal say: no agent is started with it until a person
has decided what counts. Stands in the facts, so that a restart knows of it."""

from __future__ import annotations

import attrs

from jelmored.domain.failures import Failure
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import Facts
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.messages import SettleForeign
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.record.learning import begin_anew, know_native, note_heard

from .remembering import remembered


def is_foreign(failure: Failure) -> bool:
    """Somebody else has gone on with the agent's own session."""
    return bool(failure.evidence.get("foreign"))


def waits_for_decision(facts: Facts) -> bool:
    """A person is to decide what counts of the agent's own session."""
    native = facts.native.get(facts.provider)
    return native is not None and native.foreign


def nothing_foreign(session_id: SessionId) -> Refused:
    told = "nobody else has gone on with the agent's own session: nothing to decide"
    return Refused(ErrorKind.WRONG_STATUS, told, remedy=f"jelmore resume {session_id} goes on as it is")


def note_foreign(chronicle: Chronicle) -> None:
    """Until a person decides, no agent is started with it."""
    native = chronicle.facts.native.get(chronicle.facts.provider)
    if native is not None:
        know_native(chronicle, attrs.evolve(native, foreign=True))


def settle(chronicle: Chronicle, ask: SettleForeign) -> None:
    """A person has decided.

    Raises:
        Refused: `wrong-status`, where there is nothing to decide.
    """
    if not waits_for_decision(chronicle.facts):
        raise nothing_foreign(chronicle.facts.session_id)
    if ask.accept:
        _accept(chronicle, ask)
    else:
        begin_anew(chronicle)
        chronicle.note("foreign_discarded", "The agent begins anew, and is told what was said here")


def _accept(chronicle: Chronicle, ask: SettleForeign) -> None:
    """What the agent knows now counts, and what it knows more is told here too."""
    skipped = f"; {ask.skipped} more before them do not" if ask.skipped else ""
    told = f"The agent goes on with its own session as it is; {len(ask.turns)} turns of it follow here{skipped}"
    chronicle.note("foreign_accepted", told, turns=len(ask.turns), skipped=ask.skipped)
    for past in ask.turns:
        chronicle.know(turn=chronicle.facts.turn + 1)
        for one in remembered(past, chronicle.facts.turn, chronicle.facts.status):
            chronicle.record_in(one.turn, one.draft, one.at)
    native = chronicle.facts.native[chronicle.facts.provider]
    know_native(chronicle, attrs.evolve(native, mark=ask.turns[-1].mark if ask.turns else None, foreign=False))
    note_heard(chronicle)
