"""Which sessions a client asks for, and in which order it gets them: pages of `session/list`. And which of them have
had their time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from jelmored.domain.commands import FindSessions
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused

MOST = 500  # sessions of a page


def page_of(every: Iterable[Facts], query: FindSessions) -> tuple[Sequence[Facts], str | None]:
    """A page of those that fit, latest activity first, and the cursor of the next page.

    Raises:
        Refused: `invalid-params`, for a cursor that is none.
    """
    wanted = [facts for facts in every if _matches(facts, query)]
    wanted.sort(key=_recency, reverse=True)
    if query.cursor is not None:
        _check_cursor(query.cursor)
        wanted = [facts for facts in wanted if _recency(facts) < query.cursor]
    limit = max(1, min(query.limit, MOST))
    page = wanted[:limit]
    return page, _recency(page[-1]) if len(wanted) > limit else None


def may_expire(facts: Facts, before: datetime) -> bool:
    """Nothing has happened in it since. One that was suspended waits for a person."""
    return facts.status in (Status.IDLE, Status.FAILED) and facts.last_activity < before


def terminated(every: Iterable[Facts], before: datetime) -> Sequence[Facts]:
    """Those that were terminated before, longest ago first."""
    found = (one for one in every if one.status is Status.TERMINATED and one.last_activity < before)
    return sorted(found, key=_recency)


def _matches(facts: Facts, query: FindSessions) -> bool:
    if facts.status is Status.TERMINATED and not (query.include_terminated or query.status is Status.TERMINATED):
        return False
    return (
        query.status in (None, facts.status)
        and query.provider in (None, facts.provider)
        and query.cwd in (None, facts.cwd)
    )


def _check_cursor(cursor: str) -> None:
    moment, mark, session_id = cursor.partition("~")
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        mark = ""
    if not (mark and session_id):
        raise Refused(ErrorKind.INVALID_PARAMS, f"{cursor!r} is no nextCursor of a list", field="cursor")


def _recency(facts: Facts) -> str:
    """Sorts by the latest activity; names a place in the list."""
    return f"{facts.last_activity.isoformat(timespec='milliseconds')}~{facts.session_id}"
