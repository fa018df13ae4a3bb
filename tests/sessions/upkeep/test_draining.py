"""Quiet in the daemon, as sessions feel it."""

from __future__ import annotations

import trio

from jelmored.providers.base import Taken
from tests.sessions.stage import stage


async def test_while_it_drains_turns_in_hand_end_and_no_others_begin(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        s.directory.draining.begin()
        other = await s.create()
        receipts = [await s.prompt(session_id, "two"), await s.prompt(other, "else")]
        assert [one.disposition for one in receipts] == ["queued", "queued"]
        steer = await s.prompt_when_busy(session_id, "so", "steer")
        assert steer.disposition == "steered"
        await run.tell(Taken(steer.prompt_id))
        with trio.move_on_after(60) as waited:
            await s.directory.draining.wait_quiet()
        assert waited.cancelled_caught, "a turn is in hand"
        await run.finish()
        await s.directory.draining.wait_quiet()
        (note,) = [event for event in s.watcher.events if event["metadata"].get("subtype") == "draining"]
        assert note["sessionId"] == other
        s.directory.draining.end()
        assert (await run.heard()).text == "two"
        assert (await (await s.provider.opened()).heard()).text == "else"
