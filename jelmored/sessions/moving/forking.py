"""A fork: a session's log, copied up to an event into a session of its own, and where its agent can begin.

The copy goes page by page. Only its last batch brings facts, so what is cut before that is no session: the journal
offers none without facts, and has forgotten it after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from jelmored.domain.commands import ForkSession
from jelmored.domain.events import Draft, Event, EventType, System, UserNote
from jelmored.domain.ids import ApprovalId, SessionId, new_log_id, new_session_id
from jelmored.domain.models import ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import Facts, NativeOrigin, NativeSession
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Batch, Entry, Journal
from jelmored.sessions.agent.router import can_fork, check_there
from jelmored.sessions.record.standing import BREAKS, Standing
from jelmored.wire import codec

PAGE_EVENTS = 64  # decoded and encoded in one go: a few milliseconds
PAGE_BYTES = 256 * 1024
APPROVALS = frozenset({EventType.APPROVAL_REQUESTED, EventType.APPROVAL_RESOLVED})


class Forks:
    """Copies logs, one at a time, and clears what is left of a copy that was given up."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._half_made: Fork | None = None

    async def copied(self, command: ForkSession, views: Sequence[ProviderView]) -> Fork:
        """A copy that only lacks its last batch.

        Raises:
            Refused: `not-found`, `invalid-params`, `no-provider`.
        """
        source = await self._source(command.session_id)
        at_seq = source.seq if command.at_seq is None else command.at_seq
        oldest = source.begins_after + 1
        if not min(oldest, source.seq) <= at_seq <= source.seq:
            told = f"the log ends at {source.seq}, and begins at {oldest}"
            raise Refused(ErrorKind.INVALID_PARAMS, told, field="atSeq")
        check_there(command.provider or source.provider, views)
        await self._clear()
        here = command.provider in (None, source.provider) and can_fork(source.provider, views)
        self._half_made = fork = Fork(self._journal, source, at_seq, native=here)
        await fork.copy()
        return fork

    def settled(self, fork: Fork) -> None:
        """It has got its last batch."""
        if self._half_made is fork:
            self._half_made = None

    async def _source(self, session_id: SessionId) -> Facts:
        """Facts and head that belong together: those of a session's task may be ahead of what is durable."""
        stored = await self._journal.session(session_id)
        if stored is None:
            raise _gone(session_id)
        return attrs.evolve(codec.decode(stored.facts, Facts), seq=stored.seq)

    async def _clear(self) -> None:
        if self._half_made is not None:
            await self._journal.append([Batch(session_id=self._half_made.session_id, removed=True)])
            self._half_made = None


class Fork:
    """One copy in the making.

    Args:
        journal: has the source.
        source: its facts, as the journal has them.
        at_seq: the last event that is copied; 0: none.
        native: the agent can begin in the middle of its own session; else it is told what was said.
    """

    def __init__(self, journal: Journal, source: Facts, at_seq: int, *, native: bool) -> None:
        self.session_id = new_session_id()
        self.cwd = source.cwd
        self._journal = journal
        self._source = source
        self._at_seq = at_seq
        self._native = native
        self._seq = 0
        self._standing = Standing()
        self._unanswered: set[ApprovalId] = set()
        self._break: System | None = None

    async def copy(self) -> None:
        """Keep all but the last batch.

        Raises:
            Refused: `not-found`, when the source is gone.
        """
        begin = self._source.begins_after
        await self._walk(begin, self._at_seq, self._note_approvals)
        await self._walk(self._at_seq, self._source.seq, self._note_break)
        cursor = begin
        while cursor < self._at_seq:
            page = await self._page(cursor, self._at_seq)
            cursor = page[-1].seq
            await self._journal.append([self._copied(page)])

    async def _walk(self, after: int, last: int, show: Callable[[Sequence[Entry]], None]) -> None:
        while after < last:
            page = await self._page(after, last)
            after = page[-1].seq
            show(page)

    async def _page(self, after: int, last: int) -> Sequence[Entry]:
        limit = min(PAGE_EVENTS, last - after)
        source = self._source.session_id
        page = await self._journal.read(source, after=after, limit=limit, max_bytes=PAGE_BYTES)
        if not page.entries:
            raise _gone(source)
        return page.entries

    def _note_approvals(self, page: Sequence[Entry]) -> None:
        for approval in (_event(entry).metadata for entry in page if entry.event_type in APPROVALS):
            if isinstance(approval, Approval):
                self._unanswered ^= {approval.approval_id}

    def _note_break(self, page: Sequence[Entry]) -> None:
        for note in (_event(entry).metadata for entry in page if entry.event_type == EventType.SYSTEM):
            if self._break is None and isinstance(note, System) and note.subtype in BREAKS:
                self._break = note

    def _copied(self, page: Sequence[Entry]) -> Batch:
        events = [self._own(event) for event in map(_event, page) if not self._is_unanswered(event)]
        blocks = [block for event in events if isinstance(event.metadata, UserNote) for block in event.metadata.blocks]
        return Batch(
            session_id=self.session_id,
            events=tuple(map(_entry, events)),
            refers_to=tuple({block.sha256 for block in blocks if block.sha256}),
        )

    def _is_unanswered(self, event: Event) -> bool:
        return isinstance(event.metadata, Approval) and event.metadata.approval_id in self._unanswered

    def _own(self, event: Event) -> Event:
        """As the new session has it."""
        self._seq += 1
        self._standing.show(event)
        metadata = event.metadata
        if isinstance(metadata, Approval):
            metadata = attrs.evolve(metadata, session_id=self.session_id)
        return attrs.evolve(event, session_id=self.session_id, seq=self._seq, metadata=metadata)

    def finished(self, command: ForkSession, sharing: Sequence[SessionId]) -> tuple[Facts, Batch]:
        """The facts of the new session, and the batch that makes it one.

        Args:
            sharing: sessions that work in the same directory; the client is warned of them.
        """
        events = tuple(_entry(event) for event in self._closing())
        facts = self._facts(command, sharing)
        return facts, Batch(session_id=self.session_id, events=events, facts=codec.encode(facts))

    def _closing(self) -> Iterator[Event]:
        source = self._source.session_id
        forked = System(subtype="forked", data={"sessionId": source, "atSeq": self._at_seq})
        line = Draft(EventType.SYSTEM, f"forked from {source} at {self._at_seq}", forked)
        there = self._standing.provider or self._source.provider
        for turn, draft in (*self._standing.closing(), (None, line)):
            self._seq += 1
            yield draft.at(self.session_id, self._seq, turn=turn, provider=there, timestamp=utc_now())

    def _facts(self, command: ForkSession, sharing: Sequence[SessionId]) -> Facts:
        source, now, origin = self._source, utc_now(), self._origin()
        provider = command.provider or source.provider
        moved = provider != source.provider
        return attrs.evolve(
            source,
            session_id=self.session_id,
            name=command.name,
            title=command.title or source.title,
            status=Status.IDLE,
            provider=provider,
            model=None if command.model or moved else source.model,
            routed_model=None if command.model or moved else source.routed_model,
            wanted_model=command.model or source.wanted_model,
            directory=self._standing.directory or source.cwd,
            permission_mode=command.permission_mode or source.permission_mode,
            created_at=now,
            last_activity=now,
            log_id=new_log_id(),
            seq=self._seq,
            begins_after=0,
            lineage=(),
            turn=self._standing.turn,
            open_turn=None,
            held=False,
            usage=Usage(),
            context=None,
            native={source.provider: NativeSession(native_id="", origin=origin)} if origin else {},
            heard={},
            behind=0 if self._is_told(origin) else None,
            home=None,
            waiting_until=None,
            rules=(),
            approvals=(),
            warnings=({"kind": "directory-shared", "sessions": list(sharing)},) if sharing else (),
        )

    def _is_told(self, origin: NativeOrigin | None) -> bool:
        """Its agent must be told what was said. Without an origin nothing was, unless it was elsewhere."""
        return not self._remembers or (origin is None and self._standing.restored)

    @property
    def _remembers(self) -> bool:
        """Its agent can begin behind the last event: it has its own part of the conversation there."""
        return self._native and self._standing.provider in (None, self._source.provider)

    def _origin(self) -> NativeOrigin | None:
        """None: there is nothing that its agent could remember."""
        if not self._remembers:
            return None
        native_id, said = self._native_then(), self._standing.said
        return NativeOrigin(native_id=native_id, at=said) if native_id and said else None

    def _native_then(self) -> str | None:
        """The agent's own session that the last copied event belongs to."""
        if self._break is not None:
            return self._break.data["from"] if self._break.subtype == "cleared" else None
        native = self._source.native.get(self._source.provider)
        if native is not None and not native.used and native.origin is not None:
            return native.origin.native_id  # a fork that has not spoken yet
        return native.native_id if native is not None else None


def _gone(session_id: SessionId) -> Refused:
    return Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}", field="sessionId")


def _event(entry: Entry) -> Event:
    return codec.decode(entry.body, Event)


def _entry(event: Event) -> Entry:
    return Entry(event.seq, event.event_type, codec.encode(event))
