"""What a run tells of itself and of its end, as a session's chronicle keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.domain.events import Change, Draft, EventType
from jelmored.domain.failures import Failure
from jelmored.domain.handoff import Gap, Handoff, Reminder
from jelmored.domain.sessions import Facts, NativeSession
from jelmored.providers.base import Delta, RunEvent, RunFacts

from .chronicle import Chronicle


def learn(chronicle: Chronicle, told: RunFacts) -> None:
    """What the agent says of itself; a directory that is another one is an event."""
    facts = chronicle.facts
    native = _native_after(facts, told)
    if native.native_id and native != facts.native.get(facts.provider):
        chronicle.know(native={**facts.native, facts.provider: native})
    if told.model is not None and told.model != facts.model:
        chronicle.know(model=told.model)
    if told.context is not None and told.context != facts.context:
        chronicle.know(context=told.context)
    if told.commands is not None and told.commands != facts.commands:
        chronicle.know(commands=told.commands)
    if told.directory is not None and told.directory != facts.directory:
        chronicle.know(directory=told.directory)
        change = Change(from_=facts.directory, to=told.directory)
        chronicle.record(Draft(EventType.DIRECTORY_CHANGE, f"{change.from_} → {change.to}", change))


def note_end(chronicle: Chronicle, failure: Failure) -> None:
    """How a run ended by itself, with what was seen."""
    seen = {"class": failure.cls, "kind": failure.kind, "evidence": failure.evidence}
    chronicle.note("run_ended", failure.message, **seen)


def is_native_lost(facts: Facts, failure: Failure) -> bool:
    """The agent does not know the session any more that it was to resume."""
    return bool(failure.evidence.get("native_lost")) and facts.provider in facts.native


def forget_native(chronicle: Chronicle, failure: Failure) -> None:
    """The agent's own session is gone: the next run starts anew, told what was said, and that is noted."""
    chronicle.note("native_lost", failure.message)
    begin_anew(chronicle)


def begin_anew(chronicle: Chronicle) -> None:
    """The agent's own session does not count any more."""
    provider = chronicle.facts.provider
    native = {name: kept for name, kept in chronicle.facts.native.items() if name != provider}
    heard = {name: seq for name, seq in chronicle.facts.heard.items() if name != provider}
    chronicle.know(native=native, heard=heard, behind=0)


def note_mark(chronicle: Chronicle, told: RunFacts) -> None:
    """The last word of a run that is left; nothing else of it counts any more."""
    native = chronicle.facts.native.get(chronicle.facts.provider)
    if native is not None and native.used and told.mark is not None:
        know_native(chronicle, attrs.evolve(native, mark=told.mark))


def forget_mark(chronicle: Chronicle) -> None:
    """Nobody knows how the last run ended: what the agent's own session looks like is taken as it is."""
    native = chronicle.facts.native.get(chronicle.facts.provider)
    if native is not None and native.mark is not None:
        know_native(chronicle, attrs.evolve(native, mark=None))


def know_native(chronicle: Chronicle, native: NativeSession) -> None:
    """The agent's own session is another one, or looks otherwise."""
    chronicle.know(native={**chronicle.facts.native, chronicle.facts.provider: native})


def note_heard(chronicle: Chronicle) -> None:
    """The agent has all of the conversation up to here in its own session, if it has one."""
    facts = chronicle.facts
    native = facts.native.get(facts.provider)
    if native is not None and native.used:
        chronicle.know(behind=None, heard={**facts.heard, facts.provider: facts.seq})


def note_reminder(chronicle: Chronicle, handoff: Handoff | None) -> None:
    """The agent is told, with a prompt, what it has said and done itself."""
    if not isinstance(handoff, Reminder):
        return
    told = handoff.carried
    line = f"The agent is reminded of {told.turns} turns, for it was stopped: {handoff.gap.value}"
    chronicle.note("reminded", line, turns=told.turns, characters=told.characters, certain=handoff.gap is Gap.LACKED)


def joined(events: Sequence[RunEvent]) -> list[RunEvent]:
    """Neighbouring deltas of one item as one: a client gets a chunk's text at once."""
    out: list[RunEvent] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, Delta) and isinstance(last, Delta) and event.item_id == last.item_id:
            out[-1] = attrs.evolve(last, text=last.text + event.text)
        else:
            out.append(event)
    return out


def _native_after(facts: Facts, told: RunFacts) -> NativeSession:
    known = facts.native.get(facts.provider) or NativeSession(native_id="")
    used = known.used if told.used is None else told.used
    return NativeSession(
        native_id=known.native_id if told.native_id is None else told.native_id,
        used=used,
        origin=None if used else known.origin,  # a fork that was not taken up is begun anew
        mark=told.mark,  # any other word is of an agent that may write
    )
