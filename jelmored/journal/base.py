"""The journal's contract: what is appended is durable when `append` returns, and is read back in order, byte for byte.

Bodies are JSON bytes that the journal never looks into, but for secrets, which it does not take (`veil.py`).
`sqlite.py` keeps them on disk, `memory.py` in memory; both pass tests/journal/contract.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from jelmored.domain.ids import PromptId, ProviderName, SessionId
from jelmored.domain.usage import UsageEntry, UsageKey, UsageRow
from jelmored.errors import JournalPaused

if TYPE_CHECKING:
    from jelmored.journal.veil import Veil

PAGE_EVENTS = 500
PAGE_BYTES = 4 * 1024 * 1024
KEY_AGE = timedelta(hours=24)


@attrs.frozen
class Entry:
    """An event as it is kept: `body` is what stands in `params` of its notification."""

    seq: int
    event_type: str
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class StoredPrompt:
    """A prompt that waits in the queue. Its place in the tuple is its place in the queue."""

    prompt_id: PromptId
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class StoredKey:
    """A requestKey, with a digest of what was asked and the answer that was given. Kept for `KEY_AGE`."""

    key: str
    digest: str
    answer: bytes
    created_at: datetime
    daemon_wide: bool = False
    """Of `session/create`: looked up without a session."""


@attrs.frozen
class Attachment:
    sha256: str
    data: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Batch:
    """What becomes durable together, or not at all. All of one session.

    A session is there once a batch has brought its facts: what came before, as the pages of a fork do, is nobody's yet,
    and gone after a restart; it may be begun anew.

    Args:
        events: consecutive, the first one's seq is the log's head + 1.
        begins_after: of a session that was elsewhere before: its log here begins behind this event. Only in the first
            batch of a log.
        takes_over: the id under which pages of this log were kept that were nobody's yet: they go on from the log's
            head, and come before `events`. Nothing is left under that id.
        facts: replaces the session's facts.
        queue: replaces the whole queue.
        open_items: replaces the checkpoint of what streams.
        keys: added.
        attachments: added, those that are there already are left. Each stays as long as a session has brought it.
        refers_to: sha256 of attachments that another session has brought, and this one now too.
        usage: added to the sums of its day. They stay when the session goes, no more under its name.
        removed: the session goes, with all that was kept of it; nothing is kept under its id any more.
    """

    session_id: SessionId
    events: tuple[Entry, ...] = ()
    begins_after: int = 0
    takes_over: SessionId | None = None
    facts: bytes | None = None
    queue: tuple[StoredPrompt, ...] | None = None
    open_items: bytes | None = None
    keys: tuple[StoredKey, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    refers_to: tuple[str, ...] = ()
    usage: tuple[UsageEntry, ...] = ()
    removed: bool = False


@attrs.frozen
class Page:
    """Events in order. `has_more`: there are further ones in the direction that was asked for."""

    entries: tuple[Entry, ...]
    has_more: bool


@attrs.frozen(kw_only=True)
class StoredSession:
    """A session as the journal has it at start. `seq`: the head of its log; 0 is an empty one."""

    session_id: SessionId
    seq: int
    facts: bytes
    queue: tuple[StoredPrompt, ...] = ()
    open_items: bytes = b"[]"


@attrs.frozen(kw_only=True)
class JournalStatus:
    """`size_bytes` on disk; `lag_ms`: how long the oldest batch waits that is not durable yet; `trouble`: as of the
    journal; `damaged`: where the file is that was set aside at the start, for it was damaged."""

    ok: bool
    size_bytes: int
    lag_ms: float
    trouble: JournalPaused | None = None
    damaged: Path | None = None


class Journal(Protocol):
    """The log of all sessions. `run` is its writer; appends made before it has started wait for it.

    Every method raises `JournalError` when the engine fails or has stopped; `append` raises `JournalPaused` where only
    the disk is at fault.
    """

    @property
    def veil(self) -> Veil:
        """Through which all goes that is appended. Whoever publishes what it appends asks it before."""

    @property
    def trouble(self) -> JournalPaused | None:
        """Why the disk takes nothing now, or nothing but the little that ends what is in hand."""

    async def healed(self) -> None:
        """Wait until there is no trouble; no checkpoint if there is none."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open, migrate, write until cancelled; what was appended before is written first."""

    async def append(self, batches: Sequence[Batch]) -> None:
        """Make batches durable, in order, each one whole. Returns when they are. Cancelled, they may be or not."""

    async def read(
        self,
        session_id: SessionId,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = PAGE_EVENTS,
        max_bytes: int = PAGE_BYTES,
    ) -> Page:
        """Events with `after < seq` (and `< before`), in order: the first ones, or with `before` the last ones.

        A page ends at `limit` events or `max_bytes`, but has at least one event if there is any.
        """

    async def sessions(self) -> Sequence[StoredSession]:
        """All sessions, for the start."""

    async def session(self, session_id: SessionId) -> StoredSession | None:
        """One session as it is kept now."""

    async def was_removed(self, session_id: SessionId) -> bool:
        """There was such a session, and its id never comes back."""

    async def key(self, session_id: SessionId | None, key: str) -> StoredKey | None:
        """A requestKey of a session, or a daemon-wide one (None), not older than 24 h."""

    async def attachment(self, sha256: str) -> bytes | None: ...

    async def keep_provider(self, name: ProviderName, body: bytes) -> None:
        """Keep what is to be known of a provider after a restart, in place of what was kept before. Returns when it is
        durable."""

    async def providers(self) -> Mapping[ProviderName, bytes]:
        """What is kept of each provider."""

    async def usage(self, by: UsageKey, *, since: str = "", until: str | None = None) -> Sequence[UsageRow]:
        """What was used, summed up, in the order of the keys.

        Args:
            since, until: UTC dates (`2026-11-27`), both inclusive.
        """

    def status(self) -> JournalStatus: ...
