"""A group of batches as rows, so that the writer needs a few statements for all of them, not a few for each."""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.usage import UsageEntry
from jelmored.journal.base import KEY_AGE, Batch, StoredKey, StoredPrompt
from jelmored.journal.heads import Log
from jelmored.journal.removal import remove
from jelmored.journal.sums import ADDED, COLUMNS

DAEMON_WIDE = ""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ROWS_PER_STATEMENT = (64, 16, 1)
"""The interpreter is given away and won back once per statement, under load for milliseconds: few, large ones.
Of few sizes, so that each is compiled once."""

Row = tuple[Any, ...]


def to_microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


def key_owner(session_id: SessionId | None) -> str:
    """Whose a requestKey is, as it stands in the table."""
    return DAEMON_WIDE if session_id is None else session_id


@attrs.define
class Changes:
    """Rows by table. Where a later batch replaces what an earlier one said, the later one's stand."""

    logs: dict[int, Log] = attrs.field(factory=dict)
    facts: dict[int, bytes] = attrs.field(factory=dict)
    open_items: dict[int, bytes] = attrs.field(factory=dict)
    queues: dict[int, Sequence[StoredPrompt]] = attrs.field(factory=dict)
    events: list[Row] = attrs.field(factory=list)
    keys: list[Row] = attrs.field(factory=list)
    attachments: list[Row] = attrs.field(factory=list)
    attachment_uses: list[Row] = attrs.field(factory=list)
    usage: list[Row] = attrs.field(factory=list)
    taken_over: list[Row] = attrs.field(factory=list)
    removed: dict[int, Log] = attrs.field(factory=dict)
    providers: dict[ProviderName, bytes] = attrs.field(factory=dict)

    def add(self, log: Log, batch: Batch) -> None:
        """A batch that may follow what is there; `log` has its head already."""
        self.logs[log.row] = log
        self.events.extend((log.row, entry.seq, entry.event_type, entry.body) for entry in batch.events)
        if batch.facts is not None:
            self.facts[log.row] = batch.facts
        if batch.open_items is not None:
            self.open_items[log.row] = batch.open_items
        if batch.queue is not None:
            self.queues[log.row] = batch.queue
        self.keys.extend(_key_row(batch.session_id, key) for key in batch.keys)
        self.attachments.extend((attachment.sha256, attachment.data) for attachment in batch.attachments)
        used = (*(attachment.sha256 for attachment in batch.attachments), *batch.refers_to)
        self.attachment_uses.extend((sha256, log.row) for sha256 in used)
        self.usage.extend(map(_usage_row, batch.usage))
        if batch.removed:
            self.removed[log.row] = log

    def take_over(self, source: Log, target: Log) -> None:
        """What is kept under one id goes over to another; nothing of the first one is left."""
        self.taken_over.append((target.session_id, target.row, source.row))
        self.removed[source.row] = source


def _key_row(session_id: SessionId, key: StoredKey) -> Row:
    owner = key_owner(None if key.daemon_wide else session_id)
    return owner, key.key, key.digest, key.answer, to_microseconds(key.created_at)


def _usage_row(entry: UsageEntry) -> Row:
    used = entry.usage
    tokens = used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_write_tokens
    return entry.day, entry.session_id, entry.provider, entry.model, *tokens, used.billed_usd, used.notional_usd, 1


def store(connection: sqlite3.Connection, changes: Changes, now: Callable[[], datetime]) -> None:
    """Write them, in a transaction that has begun. Keys past their age go when others come."""
    for session_id, target, _ in changes.taken_over:  # a new one has the row that its pages had
        connection.execute("UPDATE sessions SET session_id = ? WHERE id = ?", (session_id, target))
    SESSIONS.run(
        connection, [(log.row, log.session_id, log.head, changes.facts.get(row)) for row, log in changes.logs.items()]
    )
    EVENTS.run(connection, changes.events)
    OPEN_ITEMS.run(connection, list(changes.open_items.items()))
    ATTACHMENTS.run(connection, changes.attachments)
    ATTACHMENT_USES.run(connection, changes.attachment_uses)
    USAGE.run(connection, changes.usage)
    for row, queue in changes.queues.items():
        connection.execute("DELETE FROM prompts WHERE session = ?", (row,))
        PROMPTS.run(connection, [(row, place, prompt.prompt_id, prompt.body) for place, prompt in enumerate(queue)])
    if changes.keys:
        connection.execute("DELETE FROM keys WHERE created_at <= ?", (to_microseconds(now() - KEY_AGE),))
        KEYS.run(connection, changes.keys)
    PROVIDERS.run(connection, list(changes.providers.items()))
    for _, target, source in changes.taken_over:
        connection.execute("UPDATE events SET session = ? WHERE session = ?", (target, source))
        connection.execute("UPDATE OR IGNORE attachment_uses SET session = ? WHERE session = ?", (target, source))
    for row, log in changes.removed.items():  # last: nothing of them follows
        remove(connection, row, log.session_id)


@attrs.frozen
class Insert:
    """`INSERT` of as many rows as there are, with what to do about those that are there already."""

    into: str
    columns: int
    conflict: str = ""

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        done = 0
        for size in ROWS_PER_STATEMENT:
            while len(rows) - done >= size:
                values = itertools.chain.from_iterable(rows[done : done + size])
                connection.execute(_statement(self, size), tuple(values))
                done += size


@functools.cache
def _statement(insert: Insert, rows: int) -> str:
    row = "(" + ", ".join("?" * insert.columns) + ")"
    return " ".join(["INSERT INTO", insert.into, "VALUES", ", ".join([row] * rows), insert.conflict])


SESSIONS = Insert(
    "sessions (id, session_id, head, facts)",
    4,
    "ON CONFLICT (id) DO UPDATE SET head = excluded.head, facts = coalesce(excluded.facts, facts)",
)
EVENTS = Insert("events (session, seq, type, body)", 4)
OPEN_ITEMS = Insert("open_items (session, body)", 2, "ON CONFLICT (session) DO UPDATE SET body = excluded.body")
PROMPTS = Insert("prompts (session, place, prompt_id, body)", 4)
KEYS = Insert(
    "keys (session_id, key, digest, answer, created_at)",
    5,
    "ON CONFLICT (session_id, key) DO UPDATE SET"
    " digest = excluded.digest, answer = excluded.answer, created_at = excluded.created_at",
)
ATTACHMENTS = Insert("attachments (sha256, data)", 2, "ON CONFLICT (sha256) DO NOTHING")
ATTACHMENT_USES = Insert("attachment_uses (sha256, session)", 2, "ON CONFLICT (sha256, session) DO NOTHING")
PROVIDERS = Insert("providers (name, body)", 2, "ON CONFLICT (name) DO UPDATE SET body = excluded.body")
USAGE = Insert(f"usage ({COLUMNS})", 11, ADDED)
