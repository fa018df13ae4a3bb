"""The daemon stops in bounded time, whatever its agents do about it."""

from __future__ import annotations

import os

import trio

from . import daemon
from .rogues import alive

AGENTS = int(os.environ.get("STUBBORN_AGENTS", "50"))
STOP_SECONDS = 20.0
BEGIN_SECONDS = 120.0  # until all are at work, on a machine that others use too


async def test_with_fifty_agents_that_will_not_stop() -> None:
    """They ignore SIGTERM, read nothing, and don't end with their input. They are in the middle of a turn."""
    async with daemon.new_place() as place:
        async with alive(place) as pen:
            (place.work / "is_stubborn").mkdir()
            sessions = []
            for _ in range(AGENTS):
                sessions.append(await pen.session("is_stubborn"))
            for session in sessions:
                await session.event("status_change", seconds=BEGIN_SECONDS, to="active")
            everyone = pen.daemon.family()
            assert len(everyone) >= 2 * AGENTS
            begun = trio.current_time()
            assert await pen.daemon.stop() == 0
            seconds = trio.current_time() - begun
            print(f"{AGENTS} stubborn agents: stopped in {seconds:.1f} s")
            assert seconds <= STOP_SECONDS
            assert place.left(everyone) == set()
        assert not (place.root / "state" / "journal.db-wal").exists(), "the journal is closed clean"
        assert list((place.root / "state" / "lives").iterdir()) == []
        async with alive(place) as pen:
            view = await pen.client.request("session/get", sessionId=sessions[0].session_id)
            assert view["status"] == "idle"
            again = await pen.client.subscribe(sessions[0].session_id)
            ended = await again.turn_over(1)
            assert ended["metadata"]["reason"] == "interrupted"
