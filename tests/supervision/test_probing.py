"""Free looks: whatever a plug-in does then is an answer."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from jelmored.providers.base import Probe
from jelmored.supervision.probing import Prober
from jelmored.testing.puppet import PuppetProvider


class Odd(PuppetProvider):
    """Its server is looked at by what a test gave it."""

    def __init__(self, look: Any) -> None:
        super().__init__()
        self.look = look

    async def reachable(self) -> bool | None:
        await trio.lowlevel.checkpoint()
        return bool(await self.look())

    async def probe(self) -> Probe:
        await self.look()
        return self.probed


async def falls() -> bool:
    raise KeyError("?")


async def answers() -> bool:
    return True


@pytest.mark.parametrize(
    ("look", "reached", "reason"),
    [(answers, True, None), (falls, None, "the probe failed: KeyError('?')")],
)
async def test_what_falls_is_not_known_or_unwell(
    autojump_clock: trio.testing.MockClock, look: Any, reached: bool | None, reason: str | None
) -> None:
    prober = Prober(Odd(look))
    assert await prober.reachable() is reached
    failure = (await prober.probe()).failure
    assert (failure and failure.message) == reason


async def test_what_hangs_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    prober = Prober(Odd(trio.sleep_forever))
    assert await prober.reachable() is None
    failure = (await prober.probe()).failure
    assert failure is not None
    assert "no answer within 15 s" in failure.message
    assert trio.current_time() == 30


async def test_a_provider_that_can_not_look_at_its_server_does_not_know(autojump_clock: trio.testing.MockClock) -> None:
    assert await Prober(PuppetProvider()).reachable() is None
