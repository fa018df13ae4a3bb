"""A thousand sessions: ready within two seconds of a sudden end, with a million events; and on eight agents."""

from __future__ import annotations

import pytest
import trio

from tests.sessions.test_sleeping import crowd_together
from tests.test_start import starts

pytestmark = pytest.mark.soak


async def test_are_there_soon_with_a_million_events() -> None:
    taken = await starts(1_000_000)
    print(taken)
    assert min(start.cpu for start in taken) < 2, taken


async def test_live_on_a_handful_of_agents(autojump_clock: trio.testing.MockClock) -> None:
    await crowd_together(1000)
