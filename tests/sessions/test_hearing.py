"""What an agent tells, in the log and in the view."""

from __future__ import annotations

import trio

from jelmored.domain.events import TurnReason
from jelmored.domain.models import QuotaWindow
from jelmored.domain.sessions import ContextUse
from jelmored.providers.base import RunFacts, TurnBegan, TurnOver
from tests.eventually import eventually

from .stage import stage
from .test_work import at_work


async def test_turns_that_nobody_prompted(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await run.tell(TurnBegan())
        await run.say("the build is done")
        await run.finish()
        await s.watcher.wait_for("turn_ended", 2)
        started = await s.watcher.wait_for("turn_started", 2)
        assert (started["turn"], started["metadata"]) == (2, {"origin": "agent"})
        assert s.directory.get(session_id).turn == 2


async def test_the_end_of_an_agents_own_turn_does_not_end_ours(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(TurnBegan(), TurnOver(reason=TurnReason.COMPLETED, origin="agent"))
        await run.say("the answer")
        await run.finish()
        ended = await s.watcher.wait_for("turn_ended")
        assert s.watcher.types.index("assistant") < s.watcher.types.index("turn_ended")
        assert ended["turn"] == 1


async def test_quota_and_context_are_shown(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        window = QuotaWindow(window="five_hour", used_percent=80)
        await run.tell(RunFacts(quota=window, context=ContextUse(tokens=5, window=100)))
        await eventually(lambda: s.directory.get(session_id).context == ContextUse(tokens=5, window=100), 5)
        assert s.directory._providers.views()[0].quota == (window,)
