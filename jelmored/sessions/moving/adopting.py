"""A conversation that an agent has had without us, as a session of ours: its history becomes a log, and its agent goes
on with it.

The log is written turn by turn. Only its last batch brings facts, so that what is cut before that is no session.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Self

import attrs

from jelmored.actors.running import grace
from jelmored.domain.commands import AdoptSession
from jelmored.domain.events import Draft, Event, EventType, System
from jelmored.domain.ids import ProviderName, SessionId, new_log_id, new_session_id
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import Facts, NativeSession, PastSessionView
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.errors import JournalError
from jelmored.journal.base import Batch, Entry, Journal
from jelmored.providers.base import PastSession, PastTurn
from jelmored.sessions.agent.remembering import Remembered, remembered
from jelmored.sessions.record.bounds import bounded
from jelmored.wire import codec

CLEARING = 5.0  # seconds
BATCH = 64  # events that are encoded and become durable in one go: a few milliseconds


class Adoption:
    """One log in the making, for as long as it is entered.

    Args:
        journal: keeps it.
        provider: whose agent has had the conversation.
        past: which one.
    """

    def __init__(self, journal: Journal, provider: ProviderName, past: PastSession) -> None:
        self.session_id = new_session_id()
        self.done = False
        """It has got its last batch."""
        self._journal = journal
        self._provider = provider
        self._past = past
        self._seq = 0
        self._turn = 0
        self._began_at: datetime | None = None
        self._mark: str | None = None

    async def copy(self, turns: AsyncGenerator[PastTurn, None]) -> None:
        """Keep all but the last batch. Raises `ProviderError` as `turns` does."""
        async with aclosing(turns) as told:
            async for turn in told:
                self._turn += 1
                self._began_at = self._began_at or turn.began_at
                self._mark = turn.mark
                await self._keep(tuple(remembered(turn, self._turn, Status.IDLE)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """What has come to nothing leaves nothing behind."""
        if not self.done:
            with grace(CLEARING), suppress(JournalError):
                await self._journal.append([Batch(session_id=self.session_id, removed=True)])

    def finished(
        self, command: AdoptSession, mode: PermissionMode, sharing: Sequence[SessionId]
    ) -> tuple[Facts, Batch]:
        """The facts of the new session, and the batch that makes it one.

        Args:
            sharing: sessions that work in the same directory; the client is warned of them.
        """
        now, past = utc_now(), self._past
        adopted = System(subtype="adopted", data={"nativeId": past.native_id, "turns": self._turn})
        line = f"{self._provider} goes on here with its own session {past.native_id}"
        entry = self._entry(Remembered(None, Draft(EventType.SYSTEM, line, adopted), now))
        native = NativeSession(native_id=past.native_id, used=True, mark=self._mark)
        facts = Facts(
            session_id=self.session_id,
            name=command.name,
            title=command.title or past.title,
            provider=self._provider,
            cwd=past.cwd,
            directory=past.cwd,
            permission_mode=mode,
            created_at=self._began_at or now,
            last_activity=now,
            log_id=new_log_id(),
            seq=self._seq,
            turn=self._turn,
            native={self._provider: native},
            heard={self._provider: self._seq},
            warnings=({"kind": "directory-shared", "sessions": list(sharing)},) if sharing else (),
        )
        return facts, Batch(session_id=self.session_id, events=(entry,), facts=codec.encode(facts))

    async def _keep(self, events: Sequence[Remembered]) -> None:
        for start in range(0, len(events), BATCH):
            entries = tuple(map(self._entry, events[start : start + BATCH]))
            await self._journal.append([Batch(session_id=self.session_id, events=entries)])

    def _entry(self, one: Remembered) -> Entry:
        self._seq += 1
        _, body = bounded(one.draft, lambda draft: codec.encode(self._event(one, draft)))
        return Entry(self._seq, one.draft.event_type, body)

    def _event(self, one: Remembered, draft: Draft) -> Event:
        return Event(
            session_id=self.session_id,
            seq=self._seq,
            event_type=draft.event_type,
            content=draft.content,
            metadata=draft.metadata,
            timestamp=one.at,
            turn=one.turn,
            provider=self._provider,
        )


def adopted_by(every: Iterable[Facts], provider: ProviderName, native_id: str) -> SessionId | None:
    """The session of ours that goes on with a conversation of this provider, if there is one that is not closed."""
    for facts in every:
        native = facts.native.get(provider)
        if native is not None and native.native_id == native_id and facts.status is not Status.TERMINATED:
            return facts.session_id
    return None


def page_of(
    past: Sequence[PastSession], every: Sequence[Facts], provider: ProviderName, after: str | None, limit: int
) -> tuple[tuple[PastSessionView, ...], str | None]:
    """A page of an agent's own sessions behind the one whose id is `after`, and the cursor of the next page."""
    ids = [one.native_id for one in past]
    start = ids.index(after) + 1 if after in ids else 0
    page = past[start : start + limit]
    views = tuple(_view(one, adopted_by(every, provider, one.native_id)) for one in page)
    return views, page[-1].native_id if page and start + limit < len(past) else None


def _view(past: PastSession, session_id: SessionId | None) -> PastSessionView:
    return PastSessionView(**attrs.asdict(past), session_id=session_id)
