"""Which sessions a page has, and that pages follow each other without gap or repeat."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.commands import FindSessions
from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.upkeep.finding import page_of
from tests.sessions.book import LONG_AGO, facts


def session(name: str, minutes: int = 0, **more: Any) -> Facts:
    active = LONG_AGO + timedelta(minutes=minutes)
    return attrs.evolve(facts(), session_id=SessionId(name), last_activity=active, **more)


EVERY = (
    session("a", 1, cwd="/x"),
    session("b", 3, status=Status.ACTIVE),
    session("c", 2, status=Status.TERMINATED),
    session("d", 4, provider=ProviderName("other")),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "dba"),
        ({"include_terminated": True}, "dbca"),
        ({"status": Status.TERMINATED}, "c"),
        ({"status": Status.ACTIVE}, "b"),
        ({"provider": ProviderName("other")}, "d"),
        ({"cwd": "/x"}, "a"),
        ({"cwd": "/nowhere"}, ""),
    ],
)
def test_what_fits_comes_latest_activity_first(query: dict[str, Any], found: str) -> None:
    page, cursor = page_of(EVERY, FindSessions(**query))
    assert "".join(one.session_id for one in page) == found
    assert cursor is None


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_pages_follow_each_other(minutes: list[int], limit: int) -> None:
    every = [session(f"ses_{number}", moment) for number, moment in enumerate(minutes)]
    whole, _ = page_of(every, FindSessions(limit=500))
    read: list[Facts] = []
    cursor = None
    while True:
        page, cursor = page_of(every, FindSessions(limit=limit, cursor=cursor))
        read.extend(page)
        if cursor is None:
            break
    assert read == list(whole)


@pytest.mark.parametrize("cursor", ["", "x", "yesterday~ses_1", "2020-01-01T00:00:00.000+00:00"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Refused) as refused:
        page_of(EVERY, FindSessions(cursor=cursor))
    assert (refused.value.kind, refused.value.field) == (ErrorKind.INVALID_PARAMS, "cursor")
