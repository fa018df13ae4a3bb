"""The models of claude: what its list tells, the names that the CLI resolves by itself, and those that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo
from jelmored.errors import ErrorKind, ModelNotSupportedError

from .control import ModelChoice

CAPABILITIES = ("tools", "images", "documents", "thinking")
LARGE, USUAL = 1_000_000, 200_000  # tokens
LARGE_MARK = "[1m]"

RETIRED: Mapping[str, str] = dict.fromkeys(
    ("claude-opus-4-0", "claude-opus-4-20250514", "claude-opus-4-1", "claude-opus-4-1-20250805"), "claude-opus-4-8"
)
"""Ids for which the CLI serves their successor and says nothing."""

ALIASES = frozenset({"default", "opus", "sonnet", "haiku", "fable", "best", "opusplan"})
"""What the CLI resolves, in any case; each may have the mark of the large window."""


def refuse_retired(model: str) -> None:
    """
    Raises:
        ModelNotSupportedError: it is retired; the remedy names its successor.
    """
    successor = RETIRED.get(_plain(model))
    if successor is not None:
        raise ModelNotSupportedError(
            ErrorKind.MODEL_RETIRED, f"{model} is retired", remedy=f"use its successor {successor}"
        )


def is_known(model: str, known: Sequence[ModelInfo], extra: Sequence[str]) -> bool:
    """It is one of those that were seen, by whatever name, or that the configuration names."""
    names = {name for info in known for name in (info.name, *info.equivalents)}
    return _plain(model) in ALIASES | {_plain(name) for name in (*names, *extra)}


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
