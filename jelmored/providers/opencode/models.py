"""The models of an OpenCode server, from what it tells of its providers. The keys that stand there too are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jelmored.domain.ids import ProviderName
from jelmored.domain.models import ModelInfo, Prices
from jelmored.errors import ErrorKind, ModelNotSupportedError

from .client import Model

Told = Mapping[str, Any]


@attrs.frozen
class Offer:
    """What a server offers: models by their names, and the one for who asks for none."""

    models: tuple[ModelInfo, ...]
    default: str | None = None

    @property
    def windows(self) -> Mapping[str, int]:
        """Tokens, by model; of those that tell."""
        return {info.name: info.context_length for info in self.models if info.context_length}

    def choose(self, wanted: str) -> Model:
        """This model, or the default for "".

        Raises:
            ModelNotSupportedError: it is not offered. The server itself would take any word, and stay with it.
        """
        name = wanted or self.default
        if name is not None and any(info.name == name for info in self.models):
            return Model.of(name)
        told = ", ".join(info.name for info in self.models[:20]) or "none: it has no providers, or no logins"
        what = f"OpenCode has no model {name!r}" if name else "OpenCode has no model"
        raise ModelNotSupportedError(ErrorKind.MODEL_NOT_SUPPORTED, what, remedy=f"its models are: {told}")


def offered(provider: ProviderName, told: Told) -> Offer:
    """
    Args:
        provider: ours, by its name.
        told: the answer of `/config/providers`; what is of another shape in it is passed over.
    """
    models = tuple(_models(provider, told))
    defaults = told.get("default")
    names = [f"{name}/{model}" for name, model in defaults.items()] if isinstance(defaults, dict) else []
    known = {info.name for info in models}
    return Offer(models, next((name for name in names if name in known), None))


def check_name(model: str) -> None:
    """
    Raises:
        ModelNotSupportedError: it can't be a name.
    """
    if not all(Model.of(model).words.values()):
        raise ModelNotSupportedError(
            ErrorKind.MODEL_NOT_SUPPORTED,
            f"OpenCode has no model {model!r}",
            remedy='name it as "provider/model": `jelmore models` lists them',
        )


def _models(provider: ProviderName, told: Told) -> Iterator[ModelInfo]:
    for source in told.get("providers", ()):
        match source:
            case {"id": str(name), "models": dict(models)}:
                yield from (_model(provider, f"{name}/{key}", model) for key, model in models.items())


def _model(provider: ProviderName, name: str, model: Told) -> ModelInfo:
    limit = _table(model, "limit")
    return ModelInfo(
        name=name,
        provider=provider,
        context_length=limit.get("context") or 0,
        max_output_tokens=limit.get("output") or None,
        prices=_prices(_table(model, "cost")),
        capabilities=tuple(_capabilities(_table(model, "capabilities"))),
        equivalents=(),
    )


def _prices(cost: Told) -> Prices | None:
    """None where there is no price: it tells zeros then."""
    cache = _table(cost, "cache")
    known = cost.get("input") or cost.get("output")
    if not known:
        return None
    return Prices(
        input_per_m_tok=cost.get("input", 0),
        output_per_m_tok=cost.get("output", 0),
        cache_read_per_m_tok=cache.get("read"),
        cache_write_per_m_tok=cache.get("write"),
    )


def _capabilities(told: Told) -> Iterator[str]:
    inputs = _table(told, "input")
    if told.get("toolcall"):
        yield "tools"
    if inputs.get("image"):
        yield "images"
    if inputs.get("pdf"):
        yield "documents"
    if told.get("reasoning"):
        yield "thinking"


def _table(told: Told, key: str) -> Told:
    value = told.get(key)
    return value if isinstance(value, dict) else {}
