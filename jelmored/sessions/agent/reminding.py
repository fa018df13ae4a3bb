"""What the agent's own record lacks of the log, where its last run may have been killed before all was written down.

The log has the agent's own ids of what it said and did; its provider tells which of them it will know. From behind the
last of these on it is told, with the next prompt, by the same handoff that tells what another agent did meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import attrs

from jelmored.domain.events import (
    Event,
    EventType,
    Said,
    ToolResult,
    ToolUse,
    TurnCause,
    TurnEnded,
    TurnStarted,
    UserNote,
)
from jelmored.domain.handoff import Gap, Handoff
from jelmored.journal.base import Journal
from jelmored.supervision.providers import Providers

from .handover import LOOK_BACK, Handover, page_before, read_handoff

Remembers = Callable[[Sequence[str]], Awaitable[Collection[str] | None]]
"""Which of these ids the agent will know; None: that can't be told."""

CUT = (TurnCause.DAEMON_RESTART, TurnCause.CRASH)


async def read_reminder(journal: Journal, providers: Providers, handover: Handover) -> Handoff | None:
    """The handoff, after a look at what the agent remembers, where that is in doubt.

    Raises:
        JournalError: the log can't be read.
    """
    doubt = handover.doubt
    if doubt is not None:
        supervisor = providers[doubt.provider]
        handover = await completed(journal, handover, lambda ids: supervisor.records.remembers(doubt.config, ids))
    return await read_handoff(journal, handover)


async def completed(journal: Journal, handover: Handover, remembers: Remembers) -> Handover:
    """The handover, from behind the last thing that the agent will know. Raises as above."""
    events: list[Event] = []
    before = handover.until + 1
    scene = handover.scene
    begins = scene.prompt_turn if scene.cut is None else None  # nobody has been given the prompt of that turn yet
    for _ in range(LOOK_BACK):
        page = await page_before(journal, handover.session_id, before)
        names = {event.seq: name for event in page if event.turn != begins and (name := _name(event))}
        found = await remembers(tuple(names.values())) if names else ()
        if not page or found is None:
            break
        events[:0] = page
        if known := [seq for seq, name in names.items() if name in found]:
            return _from(handover, events, known[-1], {seq: names[seq] in found for seq in names})
        before = page[0].seq
    return _doubted(handover, events or await page_before(journal, handover.session_id, before))


def _name(event: Event) -> str | None:
    """The id by which its provider knows it: the agent's own, and for a prompt ours."""
    match event.event_type, event.metadata:
        case _, TurnStarted(prompt_id=str(prompt_id)):
            return prompt_id
        case _, UserNote(disposition="steered", prompt_id=prompt_id):
            return prompt_id
        case ((EventType.ASSISTANT | EventType.THINKING), Said(native_id=str(native), parent_tool_use_id=None)):
            return native
        case _, (ToolUse(native_id=str(native), parent_tool_use_id=None)):
            return native
        case _, (ToolResult(native_id=str(native), parent_tool_use_id=None)):
            return native
    return None


def _from(handover: Handover, events: Sequence[Event], last: int, known: Mapping[int, bool]) -> Handover:
    """It knows all up to the last thing that it knows, but for tools beside that which were cut: agents forget them."""
    turn = next(event.turn for event in events if event.seq == last)
    of_turn = [event for event in events if event.seq < last and event.turn == turn]
    kept = {e.metadata.tool_use_id for e in events if known.get(e.seq) and isinstance(e.metadata, ToolResult)}
    lost = frozenset(
        event.seq
        for event in of_turn
        if isinstance(event.metadata, ToolUse)
        and known.get(event.seq) is False
        and event.metadata.tool_use_id not in kept
    )
    first = min(lost, default=last + 1) - 1
    after = min(first, handover.after) if handover.scene.cut is not None else first
    scene = attrs.evolve(handover.scene, gap=Gap.LACKED, returning=True, known_until=last, lost=lost)
    return attrs.evolve(handover, after=after, scene=scene)


def _doubted(handover: Handover, events: Sequence[Event]) -> Handover:
    """Nobody can tell what it knows: a turn that was cut is told again."""
    begun = [event for event in events if isinstance(event.metadata, TurnStarted)]
    before = [event for event in begun if event.turn != handover.scene.prompt_turn]
    if not before or not _was_cut(events, before[-1].turn):
        return handover
    scene = attrs.evolve(handover.scene, gap=Gap.DOUBTED, returning=True)
    return attrs.evolve(handover, after=min(handover.after, before[-1].seq - 1), scene=scene)


def _was_cut(events: Sequence[Event], turn: int | None) -> bool:
    ends = (event.metadata for event in events if event.turn == turn)
    return any(isinstance(end, TurnEnded) and end.cause in CUT for end in ends)
