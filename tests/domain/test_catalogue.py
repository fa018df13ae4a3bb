"""What an agent leaves out is completed, and what it says stands."""

from __future__ import annotations

import pytest

from jelmored.domain.catalogue import Catalogue, Entry
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, Prices
from jelmored.domain.offers import Offer

LISTED, OWN = (Prices(input_per_m_tok=price, output_per_m_tok=price) for price in (1, 2))
CATALOGUE = Catalogue({
    entry.name: entry
    for entry in (
        Entry(
            name="great-2",
            context_length=1_000,
            max_output_tokens=100,
            prices=LISTED,
            capabilities=("tools",),
            names={"claude": ("great",)},
            equivalents=("open-3",),
        ),
        Entry(name="great-1", names={"claude": ("great-1-2024",)}, retired="great-2"),
        Entry(name="open-3", context_length=500),
    )
})


def told(name: str, window: int = 0, *equivalents: str, prices: Prices | None = None) -> ModelInfo:
    return ModelInfo(
        name=name,
        provider=ProviderName("p"),
        context_length=window,
        prices=prices,
        capabilities=(),
        equivalents=equivalents,
    )


@pytest.mark.parametrize("name", ["great-2", "GREAT", "vendor/great-2", "router/vendor/great-2", "great[1m]"])
def test_a_model_is_found_by_all_its_names(name: str) -> None:
    found = CATALOGUE.find(name)
    assert found is not None
    assert found.name == "great-2"


@pytest.mark.parametrize("name", ["", "/", "[1m]", "great-3", "vendor"])
def test_and_by_no_other(name: str) -> None:
    assert CATALOGUE.find(name) is None


def test_a_retired_one_has_a_successor() -> None:
    assert CATALOGUE.successor("Great-1-2024[1m]") == "great-2"
    assert CATALOGUE.successor("great-2") is None
    assert CATALOGUE.successor("unheard-of") is None
    assert CATALOGUE.names("claude") == {"great"}


def test_what_is_left_out_is_completed() -> None:
    (model,) = CATALOGUE.informed([told("default", 0, "great-2[1m]")])

    assert (model.context_length, model.max_output_tokens, model.prices) == (1_000, 100, LISTED)
    assert model.capabilities == ("tools",)
    assert model.equivalents == ("great-2[1m]", "great-2", "great")


def test_what_the_agent_says_stands() -> None:
    (model,) = CATALOGUE.informed([told("vendor/great-2", 7, prices=OWN)])

    assert (model.context_length, model.prices) == (7, OWN)


def test_what_neither_knows_stays_as_it_is() -> None:
    strange = told("strange")
    assert CATALOGUE.informed([strange]) == (strange,)


def test_another_model_may_stand_in_for_it() -> None:
    offer = Offer(models=CATALOGUE.informed([told("x/open-3"), told("x/great-2")]))

    assert [model.name for model in offer.named("great")] == ["x/great-2", "x/open-3"]
    assert [model.name for model in offer.named("open-3")] == ["x/open-3"]
