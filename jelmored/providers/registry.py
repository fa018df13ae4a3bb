"""Which types of provider there are, and how one is made of its settings. A plug-in adds its own by an entry point,

    [project.entry-points."jelmored.providers"]
    mine = "my_package:KIND"

by `type = "/path/to/mine.py:KIND"` in the configuration, or by `register_provider` in a program of its own; there
`KIND = Kind(settings=MySettings, make=MyProvider.of)`. `MySettings` extends `ProviderSettings`: a frozen attrs class
with a default for each key.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import attrs

from jelmored.config.providers import ClaudeSettings, DemoSettings, OpencodeSettings, ProviderSettings
from jelmored.config.settings import KINDS, ProviderEntry, Settings
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.errors import ConfigError

from .base import BaseProvider
from .claude.provider import ClaudeProvider
from .demo.provider import DemoProvider
from .opencode.provider import OpencodeProvider

GROUP = "jelmored.providers"
_FROM_FILE = re.compile(r".+\.py:\w+")


@attrs.frozen(kw_only=True)
class Around:
    """What a provider may know of the daemon.

    Args:
        instance_id: marks what the provider starts.
        state_dir: private to the daemon; a provider keeps its own files in a directory of its name there.
        catalogue: what is known of models, also of those that are gone.
    """

    instance_id: InstanceId
    state_dir: Path
    catalogue: Catalogue = Catalogue()


Make = Callable[[ProviderName, Any, Around], BaseProvider]


@attrs.frozen(kw_only=True)
class Kind:
    """A type of provider.

    Args:
        settings: the class of its settings.
        make: a provider of its name, its settings and what is around it; it starts nothing.
        by_itself: it may be chosen for a session that names no provider.
    """

    settings: type[ProviderSettings]
    make: Make
    by_itself: bool = True


def _claude(name: ProviderName, settings: ClaudeSettings, around: Around) -> BaseProvider:
    return ClaudeProvider(name, settings, instance_id=around.instance_id, catalogue=around.catalogue)


def _opencode(name: ProviderName, settings: OpencodeSettings, around: Around) -> BaseProvider:
    return OpencodeProvider(name, settings, instance_id=around.instance_id, home=around.state_dir / name)


def _demo(name: ProviderName, settings: DemoSettings, around: Around) -> BaseProvider:
    return DemoProvider(name, settings, instance_id=around.instance_id, transcripts=around.state_dir / name)


_MAKERS: Mapping[type[ProviderSettings], Make] = {
    ClaudeSettings: _claude,
    OpencodeSettings: _opencode,
    DemoSettings: _demo,
}

BUILT_IN: Mapping[str, Kind] = {
    name: Kind(settings=cls, make=_MAKERS[cls], by_itself=cls is not DemoSettings) for name, cls in KINDS.items()
}


_registered: dict[str, Kind] = {}


def register_provider(name: str, kind: Kind) -> None:
    """Add a type of provider to this process, before the configuration is read.

    Raises:
        ConfigError: the name is taken, or it is no kind.
    """
    if name in kinds():
        raise ConfigError([f"there is a type of provider {name!r} already"])
    _registered[name] = _checked(kind, name)


def kinds() -> Mapping[str, Kind]:
    """All types, by name; those of the package can't be replaced.

    Raises:
        ConfigError: a plug-in is not one.
    """
    return {**_installed(), **_registered, **BUILT_IN}


@cache
def _installed() -> Mapping[str, Kind]:
    return {point.name: _checked(point.load(), f"{point.name} ({point.value})") for point in entry_points(group=GROUP)}


def kind_of(name: str) -> Kind:
    """A type by its name, or from its file: `/path/to/file.py:NAME`.

    Raises:
        ConfigError: there is none, and why.
    """
    known = kinds()
    if name in known:
        return known[name]
    if _FROM_FILE.fullmatch(name):
        return _from_file(name)
    raise ConfigError([f"there is no type of provider {name!r}; there is {', '.join(known)}"])


@cache
def _from_file(name: str) -> Kind:
    path, _, member = name.rpartition(":")
    file = Path(path).expanduser()
    if not file.is_absolute() or not file.is_file():
        raise ConfigError([f"the plug-in {name}: there is no file {path}; it must be an absolute path"])
    spec = spec_from_file_location(f"jelmored_plug_in_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ConfigError([f"the plug-in {name}: {path} is no Python file"])
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # attrs looks its annotations up there
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise ConfigError([f"the plug-in {name} can't be imported: {error}"]) from error
    return _checked(getattr(module, member, None), name)


def settings_classes() -> Mapping[str, type[ProviderSettings]]:
    """For the loading of the configuration.

    Raises:
        ConfigError: what is installed as a plug-in is not one.
    """
    kinds()
    return _SettingsOf()


class _SettingsOf(Mapping[str, type[ProviderSettings]]):
    """The classes of settings by type; a type that is a file is loaded when it is asked for."""

    def __getitem__(self, name: str) -> type[ProviderSettings]:
        if name not in kinds() and not _FROM_FILE.fullmatch(name):
            raise KeyError(name)
        return kind_of(name).settings

    def __iter__(self) -> Iterator[str]:
        return iter(kinds())

    def __len__(self) -> int:
        return len(kinds())


def build(
    settings: Settings,
    instance_id: InstanceId,
    state_dir: Path,
    catalogue: Catalogue = Catalogue(),  # noqa: B008 - it is frozen
) -> Mapping[ProviderName, BaseProvider]:
    """All configured providers, in the order of the configuration. None is started."""
    around = Around(instance_id=instance_id, state_dir=state_dir, catalogue=catalogue)
    return {name: _made(name, entry, around) for name, entry in settings.providers.items()}


def _made(name: ProviderName, entry: ProviderEntry, around: Around) -> BaseProvider:
    return kind_of(entry.type).make(name, entry.settings, around)


def _checked(found: object, told: str) -> Kind:
    if not isinstance(found, Kind):
        raise ConfigError([f"the plug-in {told} is no {Kind.__module__}.Kind"])
    if ProviderSettings not in found.settings.__mro__:
        base = f"{ProviderSettings.__module__}.{ProviderSettings.__name__}"
        raise ConfigError([f"the settings of the plug-in {told} don't extend {base}"])
    return found
