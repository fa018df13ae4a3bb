"""Which types of provider there are, and how one is made of its settings. A plug-in adds its own by an entry point.

    [project.entry-points."jelmored.providers"]
    mine = "my_package:KIND"

where `KIND = Kind(settings=MySettings, make=MyProvider.of)`. `MySettings` extends `ProviderSettings`: a frozen attrs
class with a default for each key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import attrs

from jelmored.config.providers import ClaudeSettings, DemoSettings, ProviderSettings
from jelmored.config.settings import KINDS, ProviderEntry, Settings
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.errors import ConfigError

from .base import BaseProvider
from .claude.provider import ClaudeProvider
from .demo.provider import DemoProvider

GROUP = "jelmored.providers"


@attrs.frozen(kw_only=True)
class Around:
    """What a provider may know of the daemon.

    Args:
        instance_id: marks what the provider starts.
        state_dir: private to the daemon; a provider keeps its own files in a directory of its name there.
    """

    instance_id: InstanceId
    state_dir: Path


Make = Callable[[ProviderName, Any, Around], BaseProvider]


@attrs.frozen(kw_only=True)
class Kind:
    """A type of provider.

    Args:
        settings: the class of its settings.
        make: a provider of its name, its settings and what is around it; it starts nothing.
    """

    settings: type[ProviderSettings]
    make: Make


def _claude(name: ProviderName, settings: ClaudeSettings, around: Around) -> BaseProvider:
    return ClaudeProvider(name, settings, instance_id=around.instance_id)


def _demo(name: ProviderName, settings: DemoSettings, around: Around) -> BaseProvider:
    return DemoProvider(name, settings, instance_id=around.instance_id, transcripts=around.state_dir / name)


_MAKERS: Mapping[type[ProviderSettings], Make] = {ClaudeSettings: _claude, DemoSettings: _demo}

BUILT_IN: Mapping[str, Kind] = {name: Kind(settings=cls, make=_MAKERS[cls]) for name, cls in KINDS.items()}


@cache
def kinds() -> Mapping[str, Kind]:
    """All types, by name; those of the package can't be replaced.

    Raises:
        ConfigError: a plug-in is not one.
    """
    return {**{point.name: _plugged_in(point) for point in entry_points(group=GROUP)}, **BUILT_IN}


def settings_classes() -> Mapping[str, type[ProviderSettings]]:
    """For the loading of the configuration."""
    return {name: kind.settings for name, kind in kinds().items()}


def build(settings: Settings, instance_id: InstanceId, state_dir: Path) -> Mapping[ProviderName, BaseProvider]:
    """All configured providers, in the order of the configuration. None is started."""
    around = Around(instance_id=instance_id, state_dir=state_dir)
    return {name: _made(name, entry, around) for name, entry in settings.providers.items()}


def _made(name: ProviderName, entry: ProviderEntry, around: Around) -> BaseProvider:
    return kinds()[entry.type].make(name, entry.settings, around)


def _plugged_in(point: EntryPoint) -> Kind:
    found = point.load()
    if not isinstance(found, Kind):
        raise ConfigError([f"the plug-in {point.name} ({point.value}) is no {Kind.__module__}.Kind"])
    if ProviderSettings not in found.settings.__mro__:
        base = f"{ProviderSettings.__module__}.{ProviderSettings.__name__}"
        raise ConfigError([f"the settings of the plug-in {point.name} ({point.value}) don't extend {base}"])
    return found
