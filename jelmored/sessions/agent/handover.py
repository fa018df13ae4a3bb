"""Reads a session's log for the agent that takes it over. It runs beside the session, which goes on meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.domain.events import Event, EventType, TurnStarted, UserNote
from jelmored.domain.handoff import Handoff, Scene, compose, room
from jelmored.domain.ids import PromptId, ProviderName, SessionId
from jelmored.journal.base import Entry, Journal
from jelmored.providers.base import SessionConfig
from jelmored.wire import codec

PAGE_EVENTS = 64  # decoded in one go: a few milliseconds
PAGE_BYTES = 256 * 1024
LOOK_BACK = 16  # pages, for prompts that have waited long until their turn
READ = 4  # times the handoff's room: of more, only the very beginning is read


@attrs.frozen(kw_only=True)
class Doubt:
    """The agent resumes a session of its own whose last run may have been killed before all was written down."""

    provider: ProviderName
    config: SessionConfig


@attrs.frozen(kw_only=True)
class Handover:
    """What is to be told, and to whom.

    Args:
        after: the last event that the agent knows; 0: none.
        until: the last one that it is told of.
        window: of its model, in tokens; None: not known.
        doubt: what it knows by itself is to be looked at first.
    """

    session_id: SessionId
    after: int
    until: int
    window: int | None
    scene: Scene
    doubt: Doubt | None = None


async def read_handoff(journal: Journal, handover: Handover) -> Handoff | None:
    """The handoff, from what is durable; None if there is nothing to tell.

    Raises:
        JournalError: the log can't be read.
    """
    characters = room(handover.window)
    tail = await _tail(journal, handover, READ * characters)
    begins = tail[0].seq if tail else handover.until + 1
    head = await _head(journal, handover, begins)
    skipped = bool(head) and head[-1].seq + 1 < begins
    waited = await _asked(journal, handover, _without_words((*head, *tail), handover.scene.prompt_turn), begins)
    return compose((*waited, *head, *tail), attrs.evolve(handover.scene, skipped=skipped), characters)


async def _tail(journal: Journal, handover: Handover, enough: int) -> list[Event]:
    """The last events, as many as could be told."""
    found: list[Event] = []
    before, read = handover.until + 1, 0
    while before > handover.after + 1 and read < enough:
        limit = min(PAGE_EVENTS, before - handover.after - 1)
        page = await journal.read(handover.session_id, before=before, limit=limit, max_bytes=PAGE_BYTES)
        if not page.entries:
            break
        events = _decoded(page.entries, handover.after)
        found[:0] = events
        read += sum(len(event.content) for event in events)
        before = page.entries[0].seq
    return found


async def _head(journal: Journal, handover: Handover, before: int) -> list[Event]:
    """How it all began, where the tail does not reach back to it."""
    limit = min(PAGE_EVENTS, before - handover.after - 1)
    if limit <= 0:
        return []
    page = await journal.read(handover.session_id, after=handover.after, limit=limit, max_bytes=PAGE_BYTES)
    return _decoded([entry for entry in page.entries if entry.seq < before], handover.after)


def _without_words(events: Sequence[Event], in_hand: int | None) -> set[PromptId]:
    """Prompts whose turn began in what was read, and that were said before it: they have waited."""
    said = {event.metadata.prompt_id for event in events if isinstance(event.metadata, UserNote)}
    begun = [event.metadata for event in events if event.turn != in_hand]
    return {note.prompt_id for note in begun if isinstance(note, TurnStarted) and note.prompt_id is not None} - said


async def _asked(journal: Journal, handover: Handover, wanted: set[PromptId], before: int) -> list[Event]:
    """Those prompts, in order, as far as they are found."""
    found: list[Event] = []
    for _ in range(LOOK_BACK):
        if before <= 1 or len(found) == len(wanted):
            break
        page = await journal.read(handover.session_id, before=before, limit=PAGE_EVENTS, max_bytes=PAGE_BYTES)
        if not page.entries:
            break
        asked = [codec.decode(one.body, Event) for one in page.entries if one.event_type == EventType.USER]
        found[:0] = [one for one in asked if isinstance(one.metadata, UserNote) and one.metadata.prompt_id in wanted]
        before = page.entries[0].seq
    return found


async def page_before(journal: Journal, session_id: SessionId, before: int) -> list[Event]:
    """The events before this one, as many as are decoded in one go."""
    if before <= 1:
        return []
    page = await journal.read(session_id, before=before, limit=PAGE_EVENTS, max_bytes=PAGE_BYTES)
    return _decoded(page.entries, 0)


def _decoded(entries: Sequence[Entry], after: int) -> list[Event]:
    return [codec.decode(entry.body, Event) for entry in entries if entry.seq > after]
