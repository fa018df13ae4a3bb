"""The models of claude: what its list tells, the names that the CLI resolves by itself, and those that are gone."""

from __future__ import annotations

from collections.abc import Sequence

from jelmored.domain.catalogue import Catalogue
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo
from jelmored.errors import ErrorKind, ModelNotSupportedError

from .control import ModelChoice

CAPABILITIES = ("tools", "images", "documents", "thinking")
LARGE, USUAL = 1_000_000, 200_000  # tokens
LARGE_MARK = "[1m]"

BESIDES = frozenset({"default", "best", "opusplan"})
"""What the CLI resolves, in any case, beside the names of the catalogue; each may have the mark of the large window."""


def refuse_retired(model: str, catalogue: Catalogue) -> None:
    """Of some that are gone the CLI serves the successor and says nothing.

    Raises:
        ModelNotSupportedError: it is retired; the remedy names its successor.
    """
    successor = catalogue.successor(model)
    if successor is not None:
        raise ModelNotSupportedError(
            ErrorKind.MODEL_RETIRED, f"{model} is retired", remedy=f"use its successor {successor}"
        )


def is_known(model: str, known: Sequence[ModelInfo], extra: Sequence[str], catalogue: Catalogue) -> bool:
    """It is one of those that were seen, by whatever name, or that the configuration or the catalogue names."""
    names = {name for info in known for name in (info.name, *info.equivalents)}
    return _plain(model) in BESIDES | catalogue.names("claude") | {_plain(name) for name in (*names, *extra)}


def offered(provider: ProviderName, choices: Sequence[ModelChoice], extra: Sequence[str]) -> tuple[ModelInfo, ...]:
    """What the CLI lists, and what the configuration adds."""
    listed = {choice.value for choice in choices}
    added = [ModelChoice(value=name) for name in extra if name not in listed]
    return tuple(_model(provider, choice) for choice in (*choices, *added))


def window(model: str) -> int:
    """The list has no windows: names with the mark have a million tokens, the others 200,000."""
    return LARGE if model.endswith(LARGE_MARK) else USUAL


def _model(provider: ProviderName, choice: ModelChoice) -> ModelInfo:
    resolved = choice.resolved_model
    return ModelInfo(
        name=choice.value,
        provider=provider,
        context_length=window(resolved or choice.value),
        capabilities=CAPABILITIES,
        equivalents=(resolved,) if resolved and resolved != choice.value else (),
    )


def _plain(model: str) -> str:
    return model.lower().removesuffix(LARGE_MARK)
