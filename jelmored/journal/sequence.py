"""What every engine does alike: which batch may come next in a log, and where a page ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Batch, Entry, Page


def follow(batch: Batch, head: int) -> int:
    """The head of a log after a batch.

    Raises:
        JournalError: its events don't go on from `head` one by one; another writer, or a bug, numbered them.
    """
    if batch.begins_after:
        if head:
            message = f"session {batch.session_id}: its log has begun already, and stands at {head}"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message)
        head = batch.begins_after
    for expected, entry in enumerate(batch.events, head + 1):
        if entry.seq != expected:
            message = f"session {batch.session_id}: event {entry.seq} can't be kept, the next one is {expected}"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message)
    return head + len(batch.events)


def removed(session_id: SessionId) -> JournalError:
    """What whoever writes to a session is told that was removed: its id never comes back."""
    return JournalError(ErrorKind.JOURNAL_FAILED, f"session {session_id} was deleted")


def cut(entries: Iterable[Entry], limit: int, max_bytes: int) -> Page:
    """The first entries, at most `limit` and `max_bytes` but at least one, and whether there are more."""
    taken: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body)
        if taken and (len(taken) >= limit or size > max_bytes):
            return Page(tuple(taken), has_more=True)
        taken.append(entry)
    return Page(tuple(taken), has_more=False)
