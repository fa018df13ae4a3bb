"""What client and daemon say to each other that the domain has no word for: params and results of protocol 1,
section 3, and its notifications, section 4. Both ends of the wire read and write these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import attrs

from jelmored.domain.events import BlockNote, DeltaKind, Event, OpenItem
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import ConnectionId, InstanceId, ItemId, LogId, PromptId, ProviderName, SessionId, ToolUseId
from jelmored.domain.models import Health, ModelInfo, ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Author
from jelmored.domain.ranking import Obstacle
from jelmored.domain.requirements import Requirements
from jelmored.domain.scopes import Scope
from jelmored.domain.sessions import BackgroundTask, PastSessionView, SessionView
from jelmored.domain.texts import Line
from jelmored.domain.usage import UsageKey, UsageRow
from jelmored.errors import ErrorKind

PROTOCOL_VERSION = 1


@attrs.frozen
class ShapedLike:
    """The type of what the codec passes on unread; use it in `Annotated`."""

    hint: Any


@attrs.frozen
class Nothing:
    """No params; no result."""


# initialize


@attrs.frozen(kw_only=True)
class Spoken:
    """What is looked at first: the rest of `initialize` may be another in another version."""

    protocol_version: int


@attrs.frozen(kw_only=True)
class ClientInfo:
    """`name` stands in the log of every session that the client touches."""

    name: Line
    version: Line
    title: Line | None = None


@attrs.frozen(kw_only=True)
class ClientCapabilities:
    deltas: bool = True


@attrs.frozen(kw_only=True)
class Initialize:
    protocol_version: int
    client_info: ClientInfo
    capabilities: ClientCapabilities = ClientCapabilities()


@attrs.frozen(kw_only=True)
class ServerInfo:
    name: str
    version: str


@attrs.frozen(kw_only=True)
class MessageLimits:
    max_message_bytes: int


@attrs.frozen(kw_only=True)
class Welcome:
    """What the daemon says of itself; `scope` is what this client may do, `forward_env` which variables it may send
    along with a new session."""

    protocol_version: int
    server_info: ServerInfo
    instance_id: InstanceId
    connection_id: ConnectionId
    scope: Scope
    limits: MessageLimits
    forward_env: tuple[str, ...] = ()


# daemon/


@attrs.frozen(kw_only=True)
class Shutdown:
    grace_seconds: float | None = None


@attrs.frozen(kw_only=True)
class JournalHealth:
    """`bytes` on disk; `lag_ms`: how long the oldest batch waits that is not durable yet. `kind`, `message`, `remedy`:
    why it is not `ok`, as in an error. `damaged`: the file that was set aside when this daemon started, for what it
    held could not all be read."""

    ok: bool
    bytes: int
    lag_ms: float
    kind: ErrorKind | None = None
    message: str | None = None
    remedy: str | None = None
    damaged: str | None = None


@attrs.frozen(kw_only=True)
class DaemonStatus:
    """`sessions`: how many there are of each status; `runs`: agents at work; `draining`: no turns begin; `tasks`: the
    daemon's own, all together; `log_lost`: lines of the log that could not be written."""

    version: str
    instance_id: InstanceId
    pid: int
    uptime_seconds: float
    providers: Mapping[ProviderName, Health]
    sessions: Mapping[str, int]
    runs: int
    connections: int
    journal: JournalHealth
    draining: bool = False
    tasks: int = 0
    log_lost: int = 0


# config/, daemon/reload


@attrs.frozen(kw_only=True)
class Setting:
    """`key`: as it is written in a file, with its tables. `origin`: `FILE:LINE`, the name of a variable, `--set`, or
    `default`. `counts`: from when on a change of it counts."""

    key: str
    value: Any
    origin: str
    counts: Literal["live", "next run", "restart"]


@attrs.frozen(kw_only=True)
class EffectiveSettings:
    """In the order of the reference."""

    settings: tuple[Setting, ...]


@attrs.frozen(kw_only=True)
class Reloaded:
    """`applied`: keys whose new value counts now; of these `next_run` counts for agents that are started from now on.
    `needs_restart`: keys whose new value counts with the next start of the daemon."""

    applied: tuple[str, ...]
    next_run: tuple[str, ...]
    needs_restart: tuple[str, ...]


# provider/, model/


@attrs.frozen(kw_only=True)
class NamedProvider:
    name: ProviderName


@attrs.frozen(kw_only=True)
class ProviderList:
    providers: tuple[ProviderView, ...]


@attrs.frozen(kw_only=True)
class RankProviders:
    requirements: Requirements = Requirements()


@attrs.frozen(kw_only=True)
class RankedProvider:
    """`model`: what it would be asked for; its default where there is none."""

    provider: ProviderName
    model: str | None = None
    accepted: bool
    obstacle: Obstacle | None = None
    reasons: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Ranking:
    """All providers: those that can begin, those that will by themselves, those that can't; each best first."""

    ranking: tuple[RankedProvider, ...]


@attrs.frozen(kw_only=True)
class FindModels:
    provider: ProviderName | None = None


@attrs.frozen(kw_only=True)
class ModelList:
    models: tuple[ModelInfo, ...]


@attrs.frozen(kw_only=True)
class PastSessions:
    """`next_cursor` leads to the next page; None: this is the last."""

    sessions: tuple[PastSessionView, ...]
    next_cursor: str | None = None


# session/, approval/


@attrs.frozen(kw_only=True)
class OneSession:
    session_id: SessionId


@attrs.frozen(kw_only=True)
class SessionPage:
    """`next_cursor` leads to the next one; None: this is the last."""

    sessions: tuple[SessionView, ...]
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class CleanUp:
    max_age_seconds: float
    dry_run: bool = False


@attrs.frozen(kw_only=True)
class CleanedUp:
    """The sessions that are gone, as they were."""

    sessions: tuple[SessionView, ...]


@attrs.frozen(kw_only=True)
class Unqueue:
    session_id: SessionId
    prompt_id: PromptId


@attrs.frozen(kw_only=True)
class QueuedPrompt:
    """One that waits for the turn to end. `prompt` is its text; `blocks` stand there if it has more than text, without
    their bytes."""

    prompt_id: PromptId
    prompt: str
    blocks: tuple[BlockNote, ...] = ()
    by: Author


@attrs.frozen(kw_only=True)
class PromptQueue:
    prompts: tuple[QueuedPrompt, ...]


@attrs.frozen(kw_only=True)
class Compacting:
    """The prompt that compacts."""

    prompt_id: PromptId


@attrs.frozen(kw_only=True)
class TaskList:
    tasks: tuple[BackgroundTask, ...]


@attrs.frozen(kw_only=True)
class OneTask:
    session_id: SessionId
    task_id: str


@attrs.frozen(kw_only=True)
class TaskStopped:
    """`stopped`: there was one of this id, and it has been told to end."""

    stopped: bool


@attrs.frozen(kw_only=True)
class Interrupted:
    interrupted: bool


After = Literal["start", "now"] | int | Mapping[SessionId, int]
"""Behind which event a subscription begins. By session: only for all of them."""


@attrs.frozen(kw_only=True)
class Subscribe:
    """`after`: a seq, "start" or "now"; with the session "*": "now", or a seq by session."""

    session_id: SessionId
    after: Annotated[Any, ShapedLike(After)] = "now"
    tail: int | None = None
    log_id: LogId | None = None


@attrs.frozen(kw_only=True)
class Subscribed:
    """Where a session's log stands: which one it is, its last event, the first one that is kept."""

    log_id: LogId
    head: int
    oldest: int


@attrs.frozen(kw_only=True)
class SubscribedAll:
    sessions: Mapping[SessionId, Subscribed]


@attrs.frozen(kw_only=True)
class ReadHistory:
    session_id: SessionId
    after: int = 0
    before: int | None = None
    limit: int = 500


@attrs.frozen(kw_only=True)
class History:
    """A page of events, in order. They are the journal's own bytes, and not all of a kind that a client knows, so
    they are not read here. `has_more`: there are further ones in the direction that was asked for."""

    events: tuple[Annotated[Any, ShapedLike(Event)], ...]
    has_more: bool


@attrs.frozen(kw_only=True)
class Preview:
    """What the next agent would be told."""

    handoff: Handoff


@attrs.frozen(kw_only=True)
class Suspended:
    """`state`: an object to be kept as it is and given to `session/resume`, here or in another daemon."""

    state: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Exported:
    """`state` as of the event `head`."""

    state: Mapping[str, Any]
    head: int


@attrs.frozen(kw_only=True)
class ImportSession:
    """First the `state`, then, under its `session_id`, pages of its events, as `session/history` gives them, which are
    read where they are kept; `last`: it is whole. `provider`: with the state, where it goes on."""

    session_id: SessionId | None = None
    state: Mapping[str, Any] | None = None
    provider: ProviderName | None = None
    events: tuple[Annotated[Any, ShapedLike(Event)], ...] = ()
    last: bool = False


@attrs.frozen(kw_only=True)
class ImportProgress:
    """Events are wanted from `next` up to `head`; with `next` behind it, only `last`."""

    session_id: SessionId
    next: int
    head: int


@attrs.frozen(kw_only=True)
class FindApprovals:
    session_id: SessionId | None = None


@attrs.frozen(kw_only=True)
class ApprovalList:
    approvals: tuple[Approval, ...]


@attrs.frozen(kw_only=True)
class FindUsage:
    """`since`, `until`: UTC dates (`2026-11-27`), both inclusive."""

    by: UsageKey = UsageKey.SESSION
    since: str | None = None
    until: str | None = None


@attrs.frozen(kw_only=True)
class UsageReport:
    """In the order of the keys."""

    by: UsageKey
    rows: tuple[UsageRow, ...]


# Notifications


@attrs.frozen(kw_only=True)
class SessionDelta:
    """`session/delta`: a piece of text as it streams. The pieces of one item join without gap or repeat.

    `offset` counts the code points of the item before this piece; `after_seq` is the last event before it.
    """

    session_id: SessionId
    turn: int | None
    item_id: ItemId
    after_seq: int
    kind: DeltaKind
    offset: int
    text: str
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class ItemVoided:
    """`session/itemVoided`: discard what you show of this item; no event will close it."""

    session_id: SessionId
    item_id: ItemId
    reason: str


@attrs.frozen(kw_only=True)
class CaughtUp:
    """`session/caughtUp`: all that had happened has been told, up to `head`; what follows is live."""

    session_id: SessionId
    head: int
    open_items: tuple[OpenItem, ...]
    approvals: tuple[Approval, ...]


@attrs.frozen(kw_only=True)
class SessionChanged:
    """`session/changed`: the session as it is now."""

    session: SessionView


@attrs.frozen(kw_only=True)
class SessionRemoved:
    """`session/removed`: the session was deleted, and its log with it."""

    session_id: SessionId


@attrs.frozen(kw_only=True)
class ProviderChanged:
    """`provider/changed`: the provider as it is now."""

    provider: ProviderView


@attrs.frozen(kw_only=True)
class DaemonEvent:
    """`daemon/event`: `kind` "stopping": the connection will be closed; come back when a daemon is there again.
    "draining": no turns begin, prompts wait; "undrained": they begin again. "journal-full", "journal-failed": the disk
    takes nothing, and sessions pause; "journal-ok": they go on."""

    kind: Literal["draining", "undrained", "stopping", "journal-full", "journal-failed", "journal-ok"]
    content: str


NOTIFICATIONS: Mapping[str, type] = {
    "session/event": Event,
    "session/delta": SessionDelta,
    "session/itemVoided": ItemVoided,
    "session/caughtUp": CaughtUp,
    "session/changed": SessionChanged,
    "session/removed": SessionRemoved,
    "provider/changed": ProviderChanged,
    "daemon/event": DaemonEvent,
}
"""What the daemon says unasked, by method."""


# Errors


@attrs.frozen(kw_only=True)
class ErrorData:
    """`error.data`. Some kinds have further members; docs/protocol.md, section 5 names them."""

    kind: ErrorKind
    retryable: bool
    retry_after_seconds: float | None = None
    remedy: str | None = None
    field: str | None = None
