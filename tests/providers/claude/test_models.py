from __future__ import annotations

import pytest

from jelmored.config.catalogue import load, shipped
from jelmored.domain.ids import ProviderName
from jelmored.errors import ErrorKind, ModelNotSupportedError
from jelmored.providers.claude.control import ModelChoice
from jelmored.providers.claude.models import is_known, offered, refuse_retired

CATALOGUE = load([shipped()])
CLAUDE = ProviderName("claude")
CHOICES = (
    ModelChoice(value="default", resolved_model="claude-opus-4-8[1m]"),
    ModelChoice(value="haiku", resolved_model="claude-haiku-4-5-20251001"),
)
OFFERED = offered(CLAUDE, CHOICES, ("mine[1m]", "haiku"))


def test_the_window_is_that_of_the_model_behind_the_name() -> None:
    assert [(model.name, model.context_length) for model in OFFERED] == [
        ("default", 1_000_000),
        ("haiku", 200_000),
        ("mine[1m]", 1_000_000),
    ]
    assert [model.equivalents for model in OFFERED] == [
        ("claude-opus-4-8[1m]",),
        ("claude-haiku-4-5-20251001",),
        (),
    ]


@pytest.mark.parametrize(
    "model",
    [
        *("default", "Opus", "opus[1m]", "sonnet", "fable", "best", "OPUSPLAN"),
        *("claude-opus-4-8", "claude-opus-4-8[1m]", "claude-haiku-4-5-20251001", "mine", "mine[1m]", "extra"),
    ],
)
def test_names_that_are_known(model: str) -> None:
    assert is_known(model, OFFERED, ("extra",), CATALOGUE)


@pytest.mark.parametrize("model", ["", "gibberish-model", "claude-opus-9", "[1m]"])
def test_names_that_are_not(model: str) -> None:
    assert not is_known(model, OFFERED, (), CATALOGUE)


@pytest.mark.parametrize("model", ["claude-opus-4-1-20250805", "Claude-Opus-4-1[1m]", "claude-opus-4-0"])
def test_a_retired_one_is_refused_with_its_successor(model: str) -> None:
    with pytest.raises(ModelNotSupportedError) as caught:
        refuse_retired(model, CATALOGUE)
    assert (caught.value.kind, caught.value.remedy) == (ErrorKind.MODEL_RETIRED, "use its successor claude-opus-4-8")
    refuse_retired("claude-opus-4-8", CATALOGUE)
