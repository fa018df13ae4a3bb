"""What is taken away, and in which order. When that is done by itself: test_janitor.py."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio

from jelmored.domain.commands import CreateSession
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.errors import Refused
from tests.sessions.stage import ME, stage

LATER = timedelta(hours=2)


async def test_what_a_client_cleans_up_is_told_longest_ago_first(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        made = [(await s.directory.create(CreateSession(cwd="/"), ME)).session_id for _ in range(3)]
        for session_id in reversed(made[1:]):
            await s.directory.close(session_id, ME)
            await trio.sleep(1)
        later = utc_now() + LATER
        told = await s.directory.clean_up(later, dry_run=True)
        assert {view.session_id for view in told} == set(made[1:])
        assert s.directory.get(made[1]).status is Status.TERMINATED
        assert await s.directory.clean_up(later) == told
        assert await s.directory.clean_up(later) == ()
        with pytest.raises(Refused):
            s.directory.get(made[1])
