"""What every engine does alike: which batch may come next in a log, and where a page ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Batch, Entry, Page


@attrs.frozen
class Pages:
    """What is kept under an id: events from behind `begins_after` up to `head`. `nobodys`: its facts never came."""

    begins_after: int
    head: int
    nobodys: bool


def follow(batch: Batch, head: int, pages: Pages | None = None) -> int:
    """The head of a log after a batch.

    Args:
        pages: what is kept under the id that it takes over.

    Raises:
        JournalError: its events don't go on from `head` one by one; another writer, or a bug, numbered them.
    """
    if batch.begins_after:
        if head:
            message = f"session {batch.session_id}: its log has begun already, and stands at {head}"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message)
        head = batch.begins_after
    if pages is not None:
        head = _joined(batch, head, pages)
    for expected, entry in enumerate(batch.events, head + 1):
        if entry.seq != expected:
            message = f"session {batch.session_id}: event {entry.seq} can't be kept, the next one is {expected}"
            raise JournalError(ErrorKind.JOURNAL_FAILED, message)
    return head + len(batch.events)


def _joined(batch: Batch, head: int, pages: Pages) -> int:
    if not pages.nobodys:
        message = f"session {batch.session_id}: {batch.takes_over} is a session of its own and can't be taken over"
        raise JournalError(ErrorKind.JOURNAL_FAILED, message)
    if pages.begins_after != head or pages.head == head:
        message = (
            f"session {batch.session_id}: what {batch.takes_over} has, from behind {pages.begins_after} up to "
            f"{pages.head}, does not go on from {head}"
        )
        raise JournalError(ErrorKind.JOURNAL_FAILED, message)
    return pages.head


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
