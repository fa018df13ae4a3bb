"""Models are found by all their names, and what a turn costs on them can be compared."""

from __future__ import annotations

import pytest

from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, Prices
from jelmored.domain.offers import Offer, typical_turn_usd


def model(name: str, *equivalents: str) -> ModelInfo:
    provider = ProviderName("any")
    return ModelInfo(name=name, provider=provider, context_length=1, capabilities=(), equivalents=equivalents)


def test_the_nearest_of_a_name_comes_first() -> None:
    far, near, own = model("far", "other", "Own"), model("near", "own"), model("own")
    offer = Offer(models=(far, near, own))

    assert offer.named("OWN") == (own, near, far)
    assert offer.named("other") == (far,)
    assert offer.named("nothing") == ()


def test_a_model_that_lists_itself_is_there_once() -> None:
    odd = model("odd", "odd", "ODD")

    assert Offer(models=(odd,)).named("odd") == (odd,)


def test_the_default_comes_first_and_the_rest_keep_their_order() -> None:
    one, two, three = model("one"), model("two"), model("three")

    assert Offer(models=(one, two, three), default="three").usual == (three, one, two)
    assert Offer(models=(one, two), default="gone").usual == (one, two)


@pytest.mark.parametrize(
    ("prices", "usd"),
    [
        (Prices(input_per_m_tok=5, output_per_m_tok=25), 1.10),
        (Prices(input_per_m_tok=5, output_per_m_tok=25, cache_read_per_m_tok=0.5), 0.29),
        (Prices(input_per_m_tok=5, output_per_m_tok=25, cache_read_per_m_tok=0.5, cache_write_per_m_tok=6.25), 0.315),
        (Prices(input_per_m_tok=0, output_per_m_tok=0), 0),
    ],
)
def test_a_typical_turn(prices: Prices, usd: float) -> None:
    assert typical_turn_usd(prices) == pytest.approx(usd)
