"""A session that comes from another daemon: with its state alone, or with its whole log, page by page.

As with a fork, only the last batch brings facts: what is cut before that is no session, and may be begun anew. One that
comes back is here meanwhile: pages of it are kept under an id of their own, until its log takes them over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import attrs
import trio

from jelmored.actors.beside import computed
from jelmored.domain.commands import CreateSession
from jelmored.domain.events import Event
from jelmored.domain.ids import ProviderName, SessionId, new_session_id
from jelmored.domain.sessions import Facts, LogPoint, NativeSession
from jelmored.domain.state import SessionState
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Attachment, Batch, Entry, Journal
from jelmored.supervision.providers import Providers
from jelmored.wire import codec
from jelmored.wire.states import Document, decompressed, invalid, state_in, weight

from .arriving import Newcomer, placed
from .attachments import examine
from .bounds import MAX_EVENT
from .hold import config_of
from .queue import Queued
from .router import Router

AT_ONCE = 4  # imports under way; the oldest is given up for a further one
Locate = Callable[[CreateSession], Awaitable[CreateSession]]


@attrs.define
class _Pages:
    """Of the log of a newcomer, as far as they have come.

    Args:
        after: they begin behind this event.
        next: the event that is wanted.
    """

    newcomer: Newcomer
    kept_as: SessionId
    after: int
    next: int


class Imports:
    """Prepares newcomers, and keeps the pages of their logs until they are whole.

    Args:
        locate: resolves the directories of a session.
    """

    def __init__(self, journal: Journal, providers: Providers, router: Router, locate: Locate) -> None:
        self._journal = journal
        self._providers = providers
        self._router = router
        self._locate = locate
        self._under_way: dict[SessionId, _Pages] = {}
        self._page_at_a_time = trio.Lock()

    async def prepared(
        self, state: SessionState, provider: ProviderName | None, left: LogPoint | None = None
    ) -> Newcomer:
        """All that can be checked before anything is made.

        Args:
            left: where the session stands here, which comes back.

        Raises:
            Refused: `state-invalid`, with the place; `no-provider`, for one that the client named.
        """
        facts = await self._located(state.facts)
        if provider not in (None, facts.provider) or not self._providers.knows(facts.provider):
            await self._providers.models()  # the daemon may have just begun to look
        try:
            route = self._router.settled(facts, provider)
        except Refused as no:
            if provider is not None:
                raise
            raise invalid("facts.provider", no.message, no.remedy or "name another one: provider") from None
        queue, attachments = await computed(_weight(state), lambda: _queue(state))
        return Newcomer(state=state, facts=placed(route, facts), queue=queue, attachments=attachments, left=left)

    async def remembering(self, newcomer: Newcomer) -> Newcomer:
        """Its agent gets its own record, if it can be had. The last step before it is a session: what is given up
        before must not have changed what an agent remembers."""
        state, facts = newcomer.state, newcomer.facts
        native = await self._unpacked(state, facts)
        if native is None:
            return newcomer
        facts = attrs.evolve(
            facts,
            native={facts.provider: native},
            heard={facts.provider: state.facts.heard.get(state.facts.provider, 0)},
            behind=state.facts.behind,
        )
        return attrs.evolve(newcomer, facts=facts, native=True)

    async def _located(self, facts: Facts) -> Facts:
        try:
            found = await self._locate(CreateSession(cwd=facts.cwd, directories=facts.directories))
        except Refused as no:
            raise invalid(f"facts.{no.field}", no.message, "make it, or mount it, at the same place") from None
        directory = found.cwd if facts.directory == facts.cwd else facts.directory
        return attrs.evolve(facts, cwd=found.cwd, directory=directory, directories=found.directories)

    async def _unpacked(self, state: SessionState, facts: Facts) -> NativeSession | None:
        """The agent's own session, if it is there now. None: its agent is told what was said."""
        was, record = state.facts.native.get(state.facts.provider), state.record
        if was is None or record is None or record.provider != state.facts.provider:
            return None
        supervisor = self._providers[facts.provider]
        if supervisor.type != record.type:
            return None
        native = attrs.evolve(was, mark=None)  # it may look otherwise in another place
        data = await computed(len(record.data), lambda: decompressed(record.data))
        config = config_of(attrs.evolve(facts, native={facts.provider: native}))
        return native if await supervisor.records.unpack(config, data) else None

    # The log, page by page

    async def begin(self, newcomer: Newcomer) -> tuple[int, int]:
        """Pages of its log are to come. One that had begun already begins anew. Returns which event is wanted first,
        and which one is the last."""
        facts, left = newcomer.state.facts, newcomer.left
        after = facts.begins_after if left is None else left.seq
        kept_as = facts.session_id if left is None else new_session_id()
        async with self._page_at_a_time:
            await self._clear(facts.session_id)
            for oldest in list(self._under_way)[: 1 - AT_ONCE]:
                await self._clear(oldest)
            self._under_way[facts.session_id] = _Pages(newcomer, kept_as, after, after + 1)
        return after + 1, facts.seq

    async def add(self, session_id: SessionId, events: Sequence[Any]) -> tuple[int, int]:
        """The next ones, as JSON's own kinds; durable. Returns which event is wanted next, and which one is the last.

        Raises:
            Refused: `not-found`; `state-invalid`, for one that does not fit: those of this page are not kept.
        """
        async with self._page_at_a_time:
            pages = self._pages(session_id)
            facts = pages.newcomer.state.facts
            entries = await computed(weight(events), lambda: _checked(events, facts, pages.next))
            begins = pages.after if pages.next == pages.after + 1 else 0
            if entries:
                await self._journal.append([Batch(session_id=pages.kept_as, begins_after=begins, events=entries)])
            pages.next += len(entries)
            return pages.next, facts.seq

    @contextmanager
    def finishing(self, session_id: SessionId) -> Iterator[Newcomer]:
        """All events have come: within the block it becomes a session. Nobody begins it anew meanwhile; if that fails,
        it may be tried again.

        Raises:
            Refused: `not-found`; `state-invalid`, while some are missing.
        """
        pages = self._pages(session_id)
        head = pages.newcomer.state.facts.seq
        if pages.next <= head:
            told = f"the log is not whole: it ends at {pages.next - 1}, and the state is of event {head}"
            raise Refused(ErrorKind.STATE_INVALID, told, field="events", remedy="export it again")
        del self._under_way[session_id]
        try:
            yield attrs.evolve(pages.newcomer, pages=pages.kept_as if pages.next > pages.after + 1 else None)
        except BaseException:
            self._under_way.setdefault(session_id, pages)
            raise

    async def give_up(self, session_id: SessionId) -> None:
        """What has come of its log goes. If nothing has, nothing."""
        async with self._page_at_a_time:
            await self._clear(session_id)

    def _pages(self, session_id: SessionId) -> _Pages:
        if session_id not in self._under_way:
            told = f"no import of {session_id} is under way; it begins with the state"
            raise Refused(ErrorKind.NOT_FOUND, told, field="sessionId")
        return self._under_way[session_id]

    async def _clear(self, session_id: SessionId) -> None:
        pages = self._under_way.pop(session_id, None)
        if pages is not None and pages.next > pages.after + 1:
            with suppress(JournalError):  # after a restart it is gone anyway
                await self._journal.append([Batch(session_id=pages.kept_as, removed=True)])


def _queue(state: SessionState) -> tuple[tuple[Queued, ...], tuple[Attachment, ...]]:
    queue: list[Queued] = []
    attachments: list[Attachment] = []
    for index, prompt in enumerate(state.queue):
        try:
            examined = examine(prompt.blocks)
        except Refused as no:
            raise invalid(f"queue[{index}].{no.field}", no.message) from None
        queue.append(Queued.of(prompt, examined.notes))
        attachments.extend(examined.attachments)
    return tuple(queue), tuple(attachments)


def _weight(state: SessionState) -> int:
    blocks = (block for prompt in state.queue for block in prompt.blocks)
    return sum(len(getattr(block, "data", "")) + len(getattr(block, "text", None) or "") for block in blocks)


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


async def opened(document: Document) -> SessionState:
    """What a client gave as a state. Raises `Refused` (`state-invalid`)."""
    return await computed(weight(document), lambda: state_in(document))
