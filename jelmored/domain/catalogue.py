"""What is known of models whoever runs them: windows, prices, all their names, and which are gone. What an agent says
of its own models wins; here is what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import attrs

from .models import ModelInfo, Prices


@attrs.frozen(kw_only=True)
class Entry:
    """A model.

    Args:
        context_length: tokens; 0: not known.
        names: what it is called besides, by type of provider.
        equivalents: other models that may stand in for it, nearest first.
        retired: the model to take instead; "": it is still there.
    """

    name: str
    context_length: int = 0
    max_output_tokens: int | None = None
    prices: Prices | None = None
    capabilities: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    equivalents: tuple[str, ...] = ()
    retired: str = ""

    @property
    def all_names(self) -> tuple[str, ...]:
        return (self.name, *(name for names in self.names.values() for name in names))


@attrs.frozen
class Catalogue:
    """The models, by their names."""

    entries: Mapping[str, Entry] = attrs.field(factory=dict)

    def find(self, name: str) -> Entry | None:
        """By any name. What stands before a slash says who serves it, a mark in brackets which variant it is:
        `anthropic/claude-opus-4-8` and `claude-opus-4-8[1m]` are `claude-opus-4-8`."""
        plain = name.lower().partition("[")[0]
        return self._by_name.get(plain) or self._by_name.get(plain.rpartition("/")[2])

    def successor(self, name: str) -> str | None:
        """What to take instead of a model that is retired; None: it is not."""
        entry = self.find(name)
        return entry.retired or None if entry else None

    def names(self, kind: str) -> frozenset[str]:
        """What the agents of a type of provider can be asked for, in small letters."""
        there = (entry for entry in self.entries.values() if not entry.retired)
        return frozenset(name.lower() for entry in there for name in entry.names.get(kind, ()))

    def informed(self, models: Iterable[ModelInfo]) -> tuple[ModelInfo, ...]:
        """The models as their agent tells of them, completed."""
        return tuple(map(self._completed, models))

    def _completed(self, model: ModelInfo) -> ModelInfo:
        entry = next((found for name in (model.name, *model.equivalents) if (found := self.find(name))), None)
        if entry is None:
            return model
        names = dict.fromkeys((*model.equivalents, *entry.all_names, *self._stands_in_for(entry)))
        return attrs.evolve(
            model,
            context_length=model.context_length or entry.context_length,
            max_output_tokens=model.max_output_tokens or entry.max_output_tokens,
            prices=model.prices or entry.prices,
            capabilities=model.capabilities or entry.capabilities,
            equivalents=tuple(name for name in names if name != model.name),
        )

    def _stands_in_for(self, entry: Entry) -> Iterator[str]:
        """The names of those that it may be taken for, the one that it is nearest to first."""
        others = [
            (other.equivalents.index(entry.name), other) for other in self.entries.values() if _near(other, entry)
        ]
        for _, other in sorted(others, key=lambda pair: pair[0]):
            yield from other.all_names

    @cached_property
    def _by_name(self) -> Mapping[str, Entry]:
        return {name.lower(): entry for entry in self.entries.values() for name in entry.all_names}


def _near(other: Entry, entry: Entry) -> bool:
    return entry.name in other.equivalents
