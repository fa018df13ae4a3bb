"""Each capture of the real CLI, lived again with the one that is installed: it must say the same.

With another version of the CLI, what fails here is what has changed. `python -m tests.real.scenarios NAME > FILE`
writes what it says now, as a capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
import trio
from outcome import Outcome, acapture

from .scenarios.capture import Capture
from .scenarios.comparison import differences
from .scenarios.scenario import Scenario, play
from .scenarios.table import SCENARIOS, SOAK

AT_ONCE = 3  # of them: each waits most of its time

Lives = Mapping[str, Outcome[Capture]]


@pytest.fixture(scope="module")
def lives(request: pytest.FixtureRequest) -> Lives:
    """What came of all that are to be tested, by the names of the tests; several lived at once. Two workers would each
    live them all: give them whole files (`--dist loadfile`)."""
    tests = (item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path)
    chosen = {test.name: cast(Scenario, test.callspec.params["scenario"]) for test in tests}
    return trio.run(_live_all, chosen)


async def _live_all(scenarios: Mapping[str, Scenario]) -> Lives:
    lived: dict[str, Outcome[Capture]] = {}
    places = trio.CapacityLimiter(AT_ONCE)

    async def live(test: str, scenario: Scenario) -> None:
        async with places:
            lived[test] = await acapture(play, scenario)

    async with trio.open_nursery() as nursery:
        for test, scenario in sorted(scenarios.items(), key=lambda item: -item[1].expected.seconds):
            nursery.start_soon(live, test, scenario)
    return lived


def _same(scenario: Scenario, lived: Capture) -> None:
    found = differences(scenario, lived)
    assert not found, "\n".join(found)


@pytest.mark.real
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_it_says_what_it_said(scenario: Scenario, lives: Lives, request: pytest.FixtureRequest) -> None:
    _same(scenario, lives[request.node.name].unwrap())


@pytest.mark.soak
@pytest.mark.parametrize("scenario", SOAK.values(), ids=SOAK)
def test_it_says_what_it_said_with_all_its_patience(
    scenario: Scenario, lives: Lives, request: pytest.FixtureRequest
) -> None:
    _same(scenario, lives[request.node.name].unwrap())
