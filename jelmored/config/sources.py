"""Where the configuration comes from, all together: files, then `JELMORE_*` of the environment, then flags. What is
read knows of each value where it was said."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from jelmored.domain.ids import ProviderName

from . import environment, flags
from .checks import key_of
from .documents import Document, dotted, merged
from .effect import Counts, counts
from .lines import Key
from .loading import Kinds, files, read_all, settled
from .secrets import Secret
from .settings import KINDS, ProviderEntry, Settings, is_secret

DEFAULT = "default"
HIDDEN = "[secret]"
_ADDRESS = ("notify", "webhook")
"""Whoever knows it may post there."""


@attrs.frozen(kw_only=True)
class Entry:
    """One setting as it is.

    Args:
        key: in its tables.
        value: of JSON's kinds.
        origin: `FILE:LINE`, the variable, the flag, or `default`.
        counts: from when on a change of it counts.
    """

    key: Key
    value: Any = attrs.field(repr=False)
    origin: str
    counts: Counts

    @property
    def name(self) -> str:
        """The key as it is written."""
        return dotted(self.key)

    @property
    def shown(self) -> Any:
        """The value for whoever asks: what is a secret, or is called one, is not in it."""
        return _shown(self.value, hidden=_hides(self.key))


@attrs.frozen(kw_only=True)
class Configuration:
    """What was read.

    Args:
        settings: the whole.
        documents: what it was read from; later ones win.
        again: reads the same sources once more; raises `ConfigError`.
    """

    settings: Settings = attrs.field(factory=Settings)
    documents: Sequence[Document] = attrs.field(default=(), repr=False)
    again: Callable[[], Configuration] = attrs.field(default=lambda: Configuration(), repr=False)

    def origin(self, key: Key) -> str:
        """Where this was said last."""
        places = (document.place(key) for document in reversed(self.documents))
        return next((place for place in places if place is not None), DEFAULT)

    def entries(self) -> Mapping[Key, Entry]:
        """Every setting, in the order of the reference; of a table that is free to have any key, each of them."""
        return {key: self._entry(key, value) for key, value in _leaves((), self.settings)}

    def _entry(self, key: Key, value: Any) -> Entry:
        provider = self.settings.providers.get(ProviderName(key[1])) if key[0] == "providers" else None
        return Entry(
            key=key, value=value, origin=self.origin(key), counts=counts(key, provider.type if provider else "")
        )


@attrs.frozen(kw_only=True)
class Sources:
    """What is read, each time that it is read.

    Args:
        config: this file instead of the usual ones.
        environ: the daemon's.
        flags: `KEY=VALUE` each.
        above: of further arguments; they win over all.
        kinds: the known types of provider, with the classes of their settings.
    """

    config: Path | None = None
    environ: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    flags: Sequence[str] = attrs.field(default=(), repr=False)
    above: Sequence[Document] = ()
    kinds: Kinds = attrs.field(default=KINDS, repr=False)

    @property
    def file(self) -> Path | None:
        """The one that is read instead of the usual ones."""
        named = self.environ.get(environment.CONFIG_FILE)
        return self.config or (Path(named) if named else None)

    @property
    def files(self) -> list[Path]:
        return files(self.file, self.environ)

    def read(self, edited: Document | None = None) -> Configuration:
        """
        Args:
            edited: stands for the file of its name, which is the last one if it is not there yet.

        Raises:
            ConfigError: with every fault of all of them.
        """
        others = [file for file in self.files if edited is None or str(file) != edited.name]
        documents, faults = read_all(others)
        if edited is not None:
            documents.append(edited)
        for document, wrong in (environment.document(self.environ, merged(documents)), flags.document(self.flags)):
            documents.append(document)
            faults += wrong
        documents += self.above
        settings = settled(documents, faults, self.kinds)
        return Configuration(settings=settings, documents=tuple(documents), again=self.read)


def _leaves(key: Key, value: Any) -> Iterator[tuple[Key, Any]]:
    match value:
        case ProviderEntry():
            yield from _leaves(key, value.settings)
        case Mapping() if value:
            for name, inner in value.items():
                yield from _leaves((*key, str(name)), inner)
        case tuple() | list():
            yield key, [attrs.asdict(one) if attrs.has(type(one)) else one for one in value]
        case Mapping():
            yield key, {}
        case _ if attrs.has(cls := type(value)):
            for field in attrs.fields(cls):
                yield from _leaves((*key, key_of(field.name)), getattr(value, field.name))
        case _:
            yield key, value


def _hides(key: Key) -> bool:
    return key == _ADDRESS or (key[:1] == ("providers",) and any(map(is_secret, key[2:])))


def _shown(value: Any, *, hidden: bool) -> Any:
    match value:
        case Secret():
            return HIDDEN
        case str() if value and hidden:
            return HIDDEN
        case enum.StrEnum():
            return value.value
        case list() | tuple():
            return [_shown(inner, hidden=hidden) for inner in value]
        case Mapping():
            return {name: _shown(inner, hidden=hidden or is_secret(name)) for name, inner in value.items()}
        case _:
            return value
