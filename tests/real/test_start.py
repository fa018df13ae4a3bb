"""Ready within two seconds of a sudden end, with 1,000 sessions and a million events."""

from __future__ import annotations

import pytest

from tests.test_start import starts

pytestmark = pytest.mark.soak


async def test_with_a_million_events() -> None:
    taken = await starts(1_000_000)
    print(taken)
    assert min(start.cpu for start in taken) < 2, taken
