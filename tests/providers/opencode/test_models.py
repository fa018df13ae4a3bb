"""What a server offers."""

from __future__ import annotations

import pytest

from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, Prices
from jelmored.errors import ErrorKind, ModelNotSupportedError
from jelmored.providers.opencode.client import Model
from jelmored.providers.opencode.models import Offer, check_name, offered

NAME = ProviderName("opencode")
TOLD = {
    "providers": [
        {
            "id": "fake",
            "options": {"apiKey": "sk-secret"},
            "models": {
                "large/v1": {
                    "limit": {"context": 2_000_000, "output": 32_000},
                    "cost": {"input": 1, "output": 2, "cache": {"read": 0.1, "write": 0.5}},
                    "capabilities": {"toolcall": True, "reasoning": True, "input": {"image": True, "pdf": True}},
                },
                "bare": {},
                "free": {"limit": {"context": 10, "output": 0}, "cost": {"input": 0, "output": 0, "cache": {}}},
            },
        },
        "no provider",
    ],
    "default": {"gone": "model", "fake": "bare"},
}


def test_a_model_has_its_window_its_prices_and_what_it_can_do() -> None:
    large = offered(NAME, TOLD).models[0]

    assert large == ModelInfo(
        name="fake/large/v1",
        provider=NAME,
        context_length=2_000_000,
        max_output_tokens=32_000,
        prices=Prices(input_per_m_tok=1, output_per_m_tok=2, cache_read_per_m_tok=0.1, cache_write_per_m_tok=0.5),
        capabilities=("tools", "images", "documents", "thinking"),
        equivalents=(),
    )


def test_what_is_not_told_is_not_made_up() -> None:
    offer = offered(NAME, TOLD)

    assert [(info.context_length, info.max_output_tokens, info.prices) for info in offer.models[1:]] == [
        (0, None, None),
        (10, None, None),
    ]
    assert offered(NAME, {}) == Offer(())


def test_no_key_is_kept() -> None:
    assert "sk-secret" not in repr(offered(NAME, TOLD))


def test_the_default_is_the_first_of_the_servers_that_is_there() -> None:
    offer = offered(NAME, TOLD)

    assert offer.choose("") == Model("fake", "bare")
    assert offer.choose("fake/large/v1") == Model("fake", "large/v1")


@pytest.mark.parametrize("wanted", ["fake/none", "other/bare", "bare"])
def test_a_model_that_is_not_offered_is_never_asked_for(wanted: str) -> None:
    with pytest.raises(ModelNotSupportedError, match="has no model") as caught:
        offered(NAME, TOLD).choose(wanted)

    assert caught.value.kind is ErrorKind.MODEL_NOT_SUPPORTED
    assert "fake/bare" in str(caught.value.remedy)


def test_a_server_without_models_says_so() -> None:
    with pytest.raises(ModelNotSupportedError) as caught:
        Offer(()).choose("")

    assert "logins" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["sonnet", "anthropic/", "/sonnet", ""])
def test_a_name_has_two_halves(name: str) -> None:
    with pytest.raises(ModelNotSupportedError):
        check_name(name)
    check_name("anthropic/sonnet")
