"""What the daemon answers that no layer below has a word for (protocol 1, section 3)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from jelmored.domain.events import BlockNote, Event
from jelmored.domain.ids import ConnectionId, InstanceId, LogId, PromptId, ProviderName
from jelmored.domain.models import Health
from jelmored.domain.prompts import Author
from jelmored.domain.sessions import SessionView


@attrs.frozen(kw_only=True)
class ServerInfo:
    name: str
    version: str


@attrs.frozen(kw_only=True)
class MessageLimits:
    max_message_bytes: int


@attrs.frozen(kw_only=True)
class Welcome:
    """The reply to `initialize`. `scope`: observer, operator or admin."""

    protocol_version: int
    server_info: ServerInfo
    instance_id: InstanceId
    connection_id: ConnectionId
    scope: str
    limits: MessageLimits


@attrs.frozen(kw_only=True)
class JournalStatus:
    """`bytes` on disk; `lag_ms`: how long the oldest batch waits that is not durable yet."""

    ok: bool
    bytes: int
    lag_ms: float


@attrs.frozen(kw_only=True)
class DaemonStatus:
    """`sessions`: how many there are of each status; `runs`: agents at work."""

    version: str
    instance_id: InstanceId
    pid: int
    uptime_seconds: float
    providers: Mapping[ProviderName, Health]
    sessions: Mapping[str, int]
    runs: int
    connections: int
    journal: JournalStatus


@attrs.frozen(kw_only=True)
class Subscribed:
    """Where a session's log stands: its first kept event, its last one, and which log it is."""

    log_id: LogId
    head: int
    oldest: int


@attrs.frozen(kw_only=True)
class HistoryPage:
    """Events in order. `has_more`: there are further ones in the direction that was asked for."""

    events: tuple[Event, ...]
    has_more: bool


@attrs.frozen(kw_only=True)
class SessionPage:
    """A page of `session/list`; `next_cursor` leads to the next one."""

    sessions: tuple[SessionView, ...]
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class QueuedPrompt:
    """A prompt that waits for the turn to end: its words, its blocks if it has others than text, and who asked."""

    prompt_id: PromptId
    prompt: str
    blocks: tuple[BlockNote, ...] = ()
    by: Author
