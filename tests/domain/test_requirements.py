"""What a client asks of a provider."""

from __future__ import annotations

import pytest

from jelmored.domain.requirements import Optimize, Requirements
from jelmored.domain.sessions import Limits
from jelmored.wire import codec


def test_requirements_come_from_the_wire() -> None:
    read = codec.from_params({"model": "opus", "minContext": 200_000, "optimize": "cost"}, Requirements)

    assert read == Requirements(model="opus", min_context=200_000, optimize=Optimize.COST)


@pytest.mark.parametrize("limits", [{"turn_seconds": 0.0}, {"max_cost_usd": -1.0}, {"max_cost_usd": float("inf")}])
def test_a_limit_is_above_nothing(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Limits(**limits)  # type: ignore[arg-type]
