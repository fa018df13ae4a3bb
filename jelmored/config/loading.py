"""Configuration files to `Settings`: all faults at once, each a line with its place and what would be right."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import cattrs

from jelmored.domain.ids import ProviderName
from jelmored.errors import ConfigError

from .checks import Unexpected, converter, key_of
from .documents import Document, merged, read
from .faults import Fault, cut, line_of, nearest, unknown
from .lines import Key
from .providers import ProviderSettings
from .settings import KINDS, ProviderEntry, Settings, built_in

SYSTEM = Path("/etc/jelmored/config.toml")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_converter = converter()

Kinds = Mapping[str, type[ProviderSettings]]
"""Types of provider, with the classes of their settings."""


def files(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files to read, later ones win: `config` alone, or those of the system and of the user that are there."""
    if config is not None:
        return [config]
    return [file for file in (SYSTEM, user_directory(environ) / "config.toml") if file.exists()]


def user_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the user's own files of configuration lie."""
    home = environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".config") / "jelmored"


def load(files: Iterable[Path], kinds: Kinds = KINDS) -> Settings:
    """Read the files, later ones win key by key.

    Args:
        files: TOML, or JSON where the name ends so.
        kinds: the known types of provider, with the classes of their settings.

    Raises:
        ConfigError: with every fault of all files.
    """
    return settled(*read_all(files), kinds)


def settled(documents: Sequence[Document], faults: Sequence[str], kinds: Kinds = KINDS) -> Settings:
    """What documents say together; later ones win key by key.

    Args:
        documents: of files and of elsewhere.
        faults: that were found while they were read.
        kinds: as above.

    Raises:
        ConfigError: with these faults, and with those of what they say.
    """
    settings, wrong = build(merged(documents), kinds)
    if faults := [*faults, *(line_of(documents, fault) for fault in wrong)]:
        raise ConfigError(faults)
    return settings


def build(tree: Mapping[str, Any], kinds: Kinds = KINDS) -> tuple[Settings, list[Fault]]:
    """Tables to settings; with a fault, what is faulty has its default."""
    rest = {key: value for key, value in tree.items() if key != "providers"}
    settings, faults = structured(rest, Settings, ())
    providers, more = _providers(tree.get("providers", {}), kinds)
    faults += more
    if settings.default_provider not in providers:
        faults.append((("default_provider",), unknown("provider", settings.default_provider, providers)))
    faults += _twice(user.name for user in settings.control.allow_users)
    return attrs.evolve(settings, providers=providers), faults


def _twice(users: Iterable[str]) -> Iterator[Fault]:
    """One of two scopes would be the one that counts, and it would be the wrong one."""
    for name, times in Counter(users).items():
        if times > 1:
            yield ("control", "allow_users"), f"{name} stands there {times} times; once is enough"


def read_all(files: Iterable[Path]) -> tuple[list[Document], list[str]]:
    """The files that can be read, and what is wrong with the others."""
    documents: list[Document] = []
    faults: list[str] = []
    for file in files:
        try:
            documents.append(read(file))
        except ConfigError as error:
            faults += error.faults
    return documents, faults


# Providers


def _providers(tables: Any, kinds: Kinds) -> tuple[Mapping[ProviderName, ProviderEntry], list[Fault]]:
    if not isinstance(tables, dict):
        return built_in(), [(("providers",), "expected a table with a table for each provider")]
    named: dict[ProviderName, ProviderEntry] = {}
    faults: list[Fault] = []
    for name, table in tables.items():
        entry, wrong = _provider(name, table, kinds)
        faults += wrong
        named[ProviderName(name)] = entry
    unnamed = {name: entry for name, entry in built_in().items() if name not in named}
    return {**named, **unnamed}, faults


def _provider(name: str, table: Any, kinds: Kinds) -> tuple[ProviderEntry, list[Fault]]:
    key = ("providers", name)
    if (fault := _bad_type(key, table, kinds)) is not None:
        return ProviderEntry(settings=ProviderSettings(), named=True), [fault]
    kind = table.get("type", name)
    settings, faults = structured(table, kinds[kind], key)
    if not _NAME.fullmatch(name):
        faults.append((key, "a provider's name is made of small letters, digits, - and _, 64 at most"))
    return ProviderEntry(settings=settings, named=True), faults


def _bad_type(key: Key, table: Any, kinds: Kinds) -> Fault | None:
    if not isinstance(table, dict):
        return key, "expected a table"
    kind = table.get("type", key[-1])
    try:
        if isinstance(kind, str) and kind in kinds:
            return None
    except ConfigError as error:  # a plug-in of its own that can't be used
        return (*key, "type"), "; ".join(error.faults)
    if "type" not in table:
        return key, f"needs a type, one of {', '.join(kinds)}"
    return (*key, "type"), unknown("type", str(kind), kinds)


# Faults


def structured(value: Any, cls: type[Any], key: Key) -> tuple[Any, list[Fault]]:
    """A table as a value of its class; with a fault, as that class has it by default."""
    try:
        return _converter.structure(value, cls), []
    except (cattrs.BaseValidationError, Unexpected) as error:
        return cls(), [fault for at, leaf in _leaves(error, key) for fault in _faults(at, leaf)]


def _leaves(error: Exception, key: Key) -> Iterator[tuple[Key, Exception]]:
    if not isinstance(error, cattrs.ClassValidationError | cattrs.IterableValidationError):
        yield key, error
        return
    noted, bare = error.group_exceptions()
    for cause, note in noted:
        step = key_of(note.name) if isinstance(note, cattrs.AttributeValidationNote) else note.index
        yield from _leaves(cause, (*key, str(step)))
    for cause in bare:
        yield from _leaves(cause, key)


def _faults(key: Key, error: Exception) -> Iterator[Fault]:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [key_of(field.name) for field in attrs.fields(error.cl)]
        for extra in sorted(error.extra_fields):
            hint = nearest(extra, known) or f"; there is {', '.join(known)}"
            yield (*key, extra), f"unknown key{hint}"
    elif isinstance(error, Unexpected) and error.choices:
        yield key, f"{error}, got {cut(error.got)!r}{nearest(error.got, error.choices)}"
    elif isinstance(error, KeyError):
        yield key, "is missing"
    else:
        yield key, str(error)
