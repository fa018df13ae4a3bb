"""The end of a session. That of one that nobody uses: test_janitor.py."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.commands import ConfigureSession
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from tests.sessions.stage import ME, stage


async def test_close_ends_the_turn_and_the_run(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        closed = await s.directory.close(session_id, ME)
        assert closed.status is Status.TERMINATED
        assert run.closed
        with pytest.raises(Refused) as refused:
            await s.prompt(session_id, "two")
        assert refused.value.kind is ErrorKind.WRONG_STATUS
        assert (await s.directory.close(session_id, ME)).status is Status.TERMINATED


async def test_a_closed_session_is_configured_no_more(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.directory.close(session_id, ME)
        with pytest.raises(Refused) as refused:
            await s.directory.configure(ConfigureSession(session_id=session_id, title="late"), ME)
        assert refused.value.kind is ErrorKind.WRONG_STATUS
