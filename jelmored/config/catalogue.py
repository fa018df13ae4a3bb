"""The catalogue of models from its files: the one of the package, then those of the system and of the user, which may
change an entry key by key or add one. All faults at once, each with its line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import attrs

from jelmored.domain.catalogue import Catalogue, Entry
from jelmored.domain.models import Prices
from jelmored.errors import ConfigError

from .checks import Between
from .documents import merged
from .faults import Fault, line_of, nearest
from .loading import read_all, structured, user_directory

FILE = "models.toml"
SYSTEM = Path("/etc/jelmored") / FILE

Tokens = Annotated[int, Between(0, 100_000_000)]
"""0: not known."""
UsdPerMillion = Annotated[float, Between(0, 100_000)]


@attrs.frozen(kw_only=True)
class PriceTable:
    """USD for a million tokens. What a cache costs may be left out."""

    input: UsdPerMillion = 0
    output: UsdPerMillion = 0
    cache_read: UsdPerMillion | None = None
    cache_write: UsdPerMillion | None = None


@attrs.frozen(kw_only=True)
class ModelTable:
    """`[models."NAME"]`. `names`: by type of provider."""

    context_length: Tokens = 0
    max_output_tokens: Tokens = 0
    prices: PriceTable | None = None
    capabilities: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    equivalents: tuple[str, ...] = ()
    retired: str = ""


@attrs.frozen(kw_only=True)
class ModelsFile:
    models: Mapping[str, ModelTable] = attrs.field(factory=dict)


def files(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Those to read, later ones win.

    Args:
        config: the configuration that is given instead of the usual ones; the catalogue beside it counts then.
    """
    own = [config.parent / FILE] if config else [SYSTEM, user_directory(environ) / FILE]
    return [shipped(), *(file for file in own if file.exists())]


def shipped() -> Path:
    """Of the package; in a checkout it lies in `etc/`."""
    package = Path(__file__).parents[1]
    installed = package / "etc" / FILE
    return installed if installed.exists() else package.parent / "etc" / FILE


def load(files: Iterable[Path]) -> Catalogue:
    """
    Raises:
        ConfigError: with every fault of all files.
    """
    documents, faults = read_all(files)
    table, wrong = structured(merged(documents), ModelsFile, ())
    wrong = wrong or list(_contradictions(table.models))
    if faults := faults + [line_of(documents, fault) for fault in wrong]:
        raise ConfigError(faults)
    return Catalogue({name: _entry(name, model) for name, model in table.models.items()})


def _entry(name: str, table: ModelTable) -> Entry:
    return Entry(
        name=name,
        context_length=table.context_length,
        max_output_tokens=table.max_output_tokens or None,
        prices=_prices(table.prices) if table.prices else None,
        capabilities=table.capabilities,
        names=table.names,
        equivalents=table.equivalents,
        retired=table.retired,
    )


def _prices(table: PriceTable) -> Prices:
    return Prices(
        input_per_m_tok=table.input,
        output_per_m_tok=table.output,
        cache_read_per_m_tok=table.cache_read,
        cache_write_per_m_tok=table.cache_write,
    )


def _contradictions(models: Mapping[str, ModelTable]) -> Iterator[Fault]:
    """What each table may say, but not together."""
    owners: dict[str, str] = {}
    for name, model in models.items():
        yield from _strangers(name, model, models)
        for other in {name, *(alias for aliases in model.names.values() for alias in aliases)}:
            owner = owners.setdefault(other.lower(), name)
            if owner != name:
                yield ("models", name), f"{other!r} is a name of {owner} already"


def _strangers(name: str, model: ModelTable, models: Mapping[str, ModelTable]) -> Iterator[Fault]:
    key = ("models", name)
    for other in model.equivalents:
        if other not in models:
            yield (*key, "equivalents"), f"there is no model {other!r}{nearest(other, models)}"
    if not model.retired:
        return
    if model.retired not in models:
        yield (*key, "retired"), f"there is no model {model.retired!r}{nearest(model.retired, models)}"
    elif models[model.retired].retired:
        yield (*key, "retired"), f"{model.retired} is retired itself"
