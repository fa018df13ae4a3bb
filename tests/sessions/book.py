"""A chronicle by itself, with a log and a journal in memory: what it records is read as a subscriber gets it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs

from jelmored.actors.running import running
from jelmored.domain.ids import LogId, ProviderName, SessionId
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status
from jelmored.journal.base import StoredPrompt, StoredSession
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.hub import Feed
from jelmored.sessions.moving.founding import birth
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.record.log import SessionLog

from .stage import Watcher

SESSION = SessionId("ses_1")
PROVIDER = ProviderName("puppet")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def facts(**more: Any) -> Facts:
    """Of a session that was made long ago and has an empty log."""
    told: dict[str, Any] = {"cwd": "/home", "directory": "/home", "status": Status.IDLE}
    return Facts(
        session_id=SESSION,
        provider=PROVIDER,
        created_at=LONG_AGO,
        last_activity=LONG_AGO,
        log_id=LogId("log_1"),
        **told | more,
    )


@attrs.frozen
class Book:
    """`changes`: how often it was told that the facts are others."""

    chronicle: Chronicle
    journal: MemoryJournal
    watcher: Watcher
    changes: list[None]

    async def published(self, queue: tuple[StoredPrompt, ...] | None = None) -> list[dict[str, Any]]:
        """End the message; all events so far."""
        self.chronicle.commit(queue)
        await self.chronicle.log.settled()
        return self.watcher.events

    async def kept(self) -> StoredSession:
        """The session as the journal has it now."""
        stored = await self.journal.session(SESSION)
        assert stored is not None
        return stored


@asynccontextmanager
async def open_book(**more: Any) -> AsyncIterator[Book]:
    """`more`: of the facts."""
    journal, watcher, changes = MemoryJournal(), Watcher(), list[None]()
    known = facts(**more)
    log = SessionLog(Feed(SESSION, known.log_id, 0, subscribers={watcher}), journal, 0)
    chronicle = Chronicle(known, log, lambda: changes.append(None))
    async with running(journal.run), running(log.run):
        await journal.append([birth(known, None)])
        yield Book(chronicle, journal, watcher, changes)
