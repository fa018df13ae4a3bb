"""Requirements as they are typed."""

from __future__ import annotations

import argparse

import pytest

from jelmored.client.requiring import requirements
from jelmored.domain.requirements import Optimize, Requirements


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", Requirements()),
        ("model=opus", Requirements(model="opus")),
        (
            "model=opus, capabilities=images+thinking,context=200k,cost=0.5,optimize=cost",
            Requirements(
                model="opus",
                capabilities=("images", "thinking"),
                min_context=200_000,
                max_cost_usd=0.5,
                optimize=Optimize.COST,
            ),
        ),
        ("context=1.5M", Requirements(min_context=1_500_000)),
        ("context=1000", Requirements(min_context=1000)),
    ],
)
def test_what_is_read(text: str, read: Requirements) -> None:
    assert requirements(text) == read


@pytest.mark.parametrize("text", ["opus", "model=", "colour=red", "context=much", "cost=x", "optimize=beauty"])
def test_what_makes_no_sense(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        requirements(text)
