"""The best of some providers, looked at by the program that uses them."""

from __future__ import annotations

import pytest
import trio.testing

from jelmored.domain.failures import Failure
from jelmored.domain.requirements import Requirements
from jelmored.errors import ErrorKind
from jelmored.providers import ProviderUnavailableError, select_best_provider
from jelmored.providers.base import Probe
from jelmored.testing.puppet import PuppetProvider


class Absent(PuppetProvider):
    async def probe(self) -> Probe:
        return Probe(failure=Failure(kind=ErrorKind.NOT_INSTALLED, message="not there", remedy="install it"))


class Silent(PuppetProvider):
    async def probe(self) -> Probe:
        await trio.sleep_forever()
        raise AssertionError


async def test_the_first_that_does(autojump_clock: trio.testing.MockClock) -> None:
    good = PuppetProvider("good")
    chosen, ranked = await select_best_provider([Silent("silent"), Absent("absent"), good, PuppetProvider("other")])

    assert chosen is good
    assert ranked.provider == "good"


async def test_none_does_and_why(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(ProviderUnavailableError) as caught:
        await select_best_provider(
            [Absent("absent"), PuppetProvider("puppet")], Requirements(capabilities=("singing",))
        )

    assert "not there: install it" in caught.value.message
    assert "singing" in caught.value.message
