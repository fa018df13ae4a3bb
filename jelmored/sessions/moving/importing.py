"""The log of a session that comes from another daemon, page by page.

As with a fork, only the last batch brings facts: what is cut before that is no session, and may be begun anew. Pages
are kept under an id of their own until the log of the session takes them over: what is left of an import is in nobody's
way. Of one session one import is under way at a time, and it belongs to the connection that has begun it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import attrs
import trio

from jelmored.actors.beside import computed
from jelmored.domain.events import Event
from jelmored.domain.ids import ConnectionId, SessionId, new_session_id
from jelmored.domain.prompts import Author
from jelmored.domain.sessions import Facts
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Batch, Entry, Journal
from jelmored.sessions.record.bounds import MAX_EVENT
from jelmored.wire import codec
from jelmored.wire.states import weight

from .arriving import Newcomer
from .preparing import Newcomers

AT_ONCE = 4  # imports under way; the oldest is given up for a further one


@attrs.define(eq=False)
class _Pages:
    """Of the log of a newcomer, as far as they have come.

    Args:
        owner: who has begun, and gives them.
        after: they begin behind this event.
        next: the event that is wanted.
        kept_as: an id of their own.
        kept: perhaps there is something under that.
    """

    newcomer: Newcomer
    owner: ConnectionId
    after: int
    next: int
    kept_as: SessionId = attrs.field(factory=new_session_id)
    kept: bool = False


class Imports:
    """Keeps the pages of their logs until they are whole; knows which sessions are just becoming such.

    Args:
        newcomers: which of them are here already.
    """

    def __init__(self, journal: Journal, newcomers: Newcomers) -> None:
        self._journal = journal
        self._newcomers = newcomers
        self._under_way: dict[SessionId, _Pages] = {}
        self._becoming: set[SessionId] = set()
        self._given_up: list[SessionId] = []
        """Under these ids there are pages that nobody wants, to be removed. All of them were kept once: a disk that
        takes nothing adds none."""
        self._page_at_a_time = trio.Lock()

    async def begin(self, newcomer: Newcomer, by: Author) -> tuple[int, int]:
        """Pages of its log are to come. One that had begun already begins anew, and belongs to whoever does that.
        Returns which event is wanted first, and which one is the last.

        Raises:
            Refused: `busy`, while it is just becoming a session; `state-invalid`, if it has become one.
        """
        facts, left = newcomer.state.facts, newcomer.left
        after = facts.begins_after if left is None else left.seq
        async with self._page_at_a_time:
            self._refuse_becoming(facts.session_id)
            if left is None:
                self._newcomers.refuse_here(facts.session_id)
            self._give_up(facts.session_id)
            self._under_way[facts.session_id] = _Pages(newcomer, by.connection_id, after, after + 1)
            for oldest in [other for other in self._under_way if other not in self._becoming][:-AT_ONCE]:
                self._give_up(oldest)
            await self._sweep()
        return after + 1, facts.seq

    async def add(self, session_id: SessionId, events: Sequence[Any], by: Author) -> tuple[int, int]:
        """The next ones, as JSON's own kinds; durable. Returns which event is wanted next, and which one is the last.

        Raises:
            Refused: `not-found`, `busy`; `state-invalid`, if the import is not theirs any more, and for one that does
                not fit: those of this page are not kept.
        """
        async with self._page_at_a_time:
            pages = self._pages(session_id, by)
            facts = pages.newcomer.state.facts
            entries = await computed(weight(events), lambda: _checked(events, facts, pages.next))
            if entries:
                await self._keep(pages, entries)
            return pages.next, facts.seq

    async def _keep(self, pages: _Pages, entries: tuple[Entry, ...]) -> None:
        begins = pages.after if pages.next == pages.after + 1 else 0
        pages.kept = True
        try:
            await self._journal.append([Batch(session_id=pages.kept_as, begins_after=begins, events=entries)])
        except trio.Cancelled:  # these may be kept or not: nothing can go on from that
            session_id = pages.newcomer.facts.session_id
            if self._under_way.get(session_id) is pages:
                self._give_up(session_id)
            raise
        pages.next += len(entries)

    @contextmanager
    def finishing(self, session_id: SessionId, by: Author) -> Iterator[Newcomer]:
        """All events have come: within the block it becomes a session; see `becoming`.

        Raises:
            Refused: `not-found`, `busy`; `state-invalid`, while some are missing, or if the import is not theirs.
        """
        pages = self._pages(session_id, by)
        head = pages.newcomer.state.facts.seq
        if pages.next <= head:
            told = f"the log is not whole: it ends at {pages.next - 1}, and the state is of event {head}"
            raise Refused(ErrorKind.STATE_INVALID, told, field="events", remedy="export it again")
        with self.becoming(session_id):
            yield attrs.evolve(pages.newcomer, pages=pages.kept_as if pages.next > pages.after + 1 else None)
            pages.kept = False  # its log has them

    @contextmanager
    def becoming(self, session_id: SessionId) -> Iterator[None]:
        """Within the block it becomes a session, and to everybody else it is `busy`. Then what has come of its log is
        given up; if it fails, that is there as before, and it may be tried again.

        Raises:
            Refused: `busy`: somebody else is at that.
        """
        self._refuse_becoming(session_id)
        self._becoming.add(session_id)
        try:
            yield
            self._give_up(session_id)
        finally:
            self._becoming.discard(session_id)

    async def swept(self) -> None:
        """Nothing is kept any more of what was given up."""
        if self._given_up:
            async with self._page_at_a_time:
                await self._sweep()

    def _pages(self, session_id: SessionId, by: Author) -> _Pages:
        self._refuse_becoming(session_id)
        pages = self._under_way.get(session_id)
        if pages is None:
            self._newcomers.refuse_here(session_id)
            told = f"no import of {session_id} is under way; it begins with the state"
            raise Refused(ErrorKind.NOT_FOUND, told, field="sessionId")
        if pages.owner != by.connection_id:
            told = f"the import of {session_id} that is under way was begun over another connection"
            remedy = "wait until it is here; or begin it anew, with the state, and the other one ends"
            raise Refused(ErrorKind.STATE_INVALID, told, field="sessionId", remedy=remedy)
        return pages

    def _refuse_becoming(self, session_id: SessionId) -> None:
        if session_id in self._becoming:
            told = f"session {session_id} is just being taken up here, by an import or a state; try again in a moment"
            raise Refused(ErrorKind.BUSY, told)

    def _give_up(self, session_id: SessionId) -> None:
        pages = self._under_way.pop(session_id, None)
        if pages is not None and pages.kept:
            self._given_up.append(pages.kept_as)

    async def _sweep(self) -> None:
        """Remove what was given up; no page is under way. What fails is tried with the next one."""
        gone = tuple(self._given_up)
        if gone:
            with suppress(JournalError):  # after a restart it is gone anyway
                await self._journal.append([Batch(session_id=kept_as, removed=True) for kept_as in gone])
                del self._given_up[: len(gone)]


def _checked(events: Sequence[Any], facts: Facts, first: int) -> tuple[Entry, ...]:
    return tuple([_entry(_event(event, seq), facts, seq) for seq, event in enumerate(events, first)])


def _event(value: Any, seq: int) -> Event:
    try:
        return codec.from_json(value, Event)
    except codec.InvalidValue as fault:
        raise _misfit(f"event {seq} can't be read: {fault}") from None


def _entry(event: Event, facts: Facts, seq: int) -> Entry:
    """As the journal keeps it, if it is the one that must come next."""
    if event.session_id != facts.session_id:
        raise _misfit(f"event {event.seq!r} is of {event.session_id!r}, not of {facts.session_id}")
    if event.seq != seq or type(event.seq) is not int:
        raise _misfit(f"event {event.seq!r} came, and {seq} was to come")
    if seq > facts.seq:
        raise _misfit(f"event {seq} is behind the last one of the state, {facts.seq}")
    turn, provider = event.turn, event.provider
    if not (isinstance(event.content, str) and isinstance(turn, int | None) and isinstance(provider, str | None)):
        raise _misfit(f"event {seq}: content, turn and provider are not what they have to be")
    body = codec.encode(event)
    if len(body) > MAX_EVENT:
        raise _misfit(f"event {seq} has {len(body)} bytes, and {MAX_EVENT} at most are kept")
    return Entry(seq, event.event_type, body)


def _misfit(message: str) -> Refused:
    return Refused(ErrorKind.STATE_INVALID, message, field="events", remedy="export it again")
