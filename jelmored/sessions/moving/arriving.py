"""A session at the moment in which it comes from another daemon: its facts, what is told of that in its log, and the
batch that makes it one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jelmored.domain.events import Change, Draft, Event, EventType, System
from jelmored.domain.ids import SessionId, new_log_id
from jelmored.domain.sessions import Facts, LogPoint
from jelmored.domain.state import SessionState
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.journal.base import Attachment, Batch, Entry
from jelmored.sessions.agent.router import Route
from jelmored.sessions.turn.queue import Queued
from jelmored.wire import codec


@attrs.frozen(kw_only=True)
class Newcomer:
    """A session that is about to be here, as checked.

    Args:
        facts: as they are to be, but for what only the last moment knows.
        queue: what waits, as the queue keeps it.
        left: where the session stands here, which comes back; None: it is not here.
        pages: the id under which its log is kept up to now; None: there is nothing of it.
        native: its agent remembers: it has found its own record.
    """

    state: SessionState
    facts: Facts
    queue: tuple[Queued, ...]
    attachments: tuple[Attachment, ...]
    left: LogPoint | None = None
    pages: SessionId | None = None
    native: bool = False

    @property
    def moved(self) -> bool:
        """It goes on at another provider than before."""
        return self.facts.provider != self.state.facts.provider


def born(
    newcomer: Newcomer, name: str | None, sharing: Sequence[SessionId], *, whole: bool, here: Facts | None = None
) -> tuple[Facts, Batch]:
    """The facts of the session, and the batch that makes it one.

    Args:
        name: None: it had none, or somebody else goes by it here.
        sharing: sessions that work in the same directory; the client is warned of them.
        whole: its log is here. Else it begins with what comes now.
        here: of one that comes back, as it left.
    """
    state, seq = newcomer.state, newcomer.state.facts.seq
    events: list[Event] = []
    for draft in _events(newcomer, name, whole=whole):
        seq += 1
        place = newcomer.facts.provider
        events.append(draft.at(state.facts.session_id, seq, turn=None, provider=place, timestamp=utc_now()))
    begins_after = state.facts.begins_after if whole else state.facts.seq
    facts = attrs.evolve(
        newcomer.facts,
        name=name,
        status=newcomer.facts.status if state.in_turn else Status.IDLE,
        last_activity=utc_now(),
        log_id=here.log_id if here else new_log_id(),
        seq=seq,
        begins_after=here.begins_after if here else begins_after,
        lineage=state.facts.trail,
        warnings=({"kind": "directory-shared", "sessions": list(sharing)},) if sharing else (),
    )
    batch = Batch(
        session_id=facts.session_id,
        events=tuple(Entry(event.seq, event.event_type, codec.encode(event)) for event in events),
        begins_after=0 if here else facts.begins_after,
        takes_over=newcomer.pages,
        facts=codec.encode(facts),
        queue=tuple(queued.stored for queued in newcomer.queue),
        attachments=newcomer.attachments,
    )
    return facts, batch


def _events(newcomer: Newcomer, name: str | None, *, whole: bool) -> Iterator[Draft]:
    """What happens to it as it comes here."""
    was, now = newcomer.state.facts, newcomer.facts
    told: dict[str, Any] = {"atSeq": was.seq, "memory": "record" if newcomer.native else "handoff"}
    line = f"taken up here from its state at event {was.seq}"
    if newcomer.moved:
        told["fromProvider"] = was.provider
        line += f"; it was at {was.provider}, and goes on at {now.provider}"
    if was.name not in (None, name):
        told["formerName"] = was.name
        line += f"; another session goes by {was.name!r} here"
    if not whole and newcomer.state.handoff is not None:
        told["handoff"] = newcomer.state.handoff
    yield Draft(EventType.SYSTEM, line, System(subtype="restored", data=told))
    for prompt_id in newcomer.state.left_out:
        dropped = System(subtype="prompt_dropped", data={"promptId": prompt_id})
        yield Draft(EventType.SYSTEM, "a prompt that waited was too large for the state", dropped)
    if was.status is not Status.IDLE and not newcomer.state.in_turn:
        change = Change(from_=was.status, to=Status.IDLE)
        yield Draft(EventType.STATUS_CHANGE, f"{change.from_} → {change.to}", change)


def placed(route: Route, facts: Facts) -> Facts:
    """As they are at the provider where the session goes on, whose agent knows nothing of it yet."""
    here = attrs.evolve(facts, native={}, heard={}, behind=0)
    if route.provider == facts.provider:
        return here
    return attrs.evolve(
        here, provider=route.provider, routed_model=route.model, model=None, context=None, commands=(), home=None
    )
