"""The middle of a turn: each begins turn 2 of a session whose script knows these words, and is back while it runs."""

from __future__ import annotations

from tests.watch import Watch

from . import processes
from .stage import Stage


async def in_a_tool(stage: Stage, session: Watch, command: str) -> None:
    """`command`: what the script's tool runs."""
    await stage.prompt(session, "wait")
    await processes.until_running(stage.place.marker, command)


async def in_a_stream(stage: Stage, session: Watch) -> None:
    await stage.prompt(session, "talk")
    await session.delta(turn=2, count=20)


async def in_an_approval(stage: Stage, session: Watch) -> None:
    await stage.prompt(session, "ask")
    await session.event("approval_requested", turn=2)
