"""Types of provider, from the package and from plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import attrs
import pytest

from jelmored.config.loading import load
from jelmored.config.settings import Settings
from jelmored.domain.ids import ProviderName, new_instance_id
from jelmored.domain.models import ProviderCapabilities
from jelmored.errors import ConfigError
from jelmored.providers import registry
from jelmored.providers.base import BaseProvider, BaseSession, Probe, SessionConfig
from jelmored.providers.claude.provider import ClaudeProvider
from jelmored.providers.demo.provider import DemoProvider
from jelmored.providers.registry import GROUP, Around, Kind, build, settings_classes


@attrs.frozen(kw_only=True)
class MineSettings:
    type: str = "mine"
    enabled: bool = True
    colour: str = "red"


@attrs.define
class Mine(BaseProvider):
    name: ProviderName
    settings: MineSettings

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities()

    async def probe(self) -> Probe:
        return Probe()

    def open(self, config: SessionConfig) -> BaseSession:
        raise NotImplementedError


def _make(name: ProviderName, settings: Any, _: Around) -> BaseProvider:
    return Mine(name, settings)


KIND = Kind(settings=MineSettings, make=_make)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    registry.kinds.cache_clear()
    yield
    registry.kinds.cache_clear()


def _plug_in(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, value, GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == GROUP else [])


def test_the_packages_own_are_built_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[providers.work]\ntype = "claude"\n')
    providers = build(load([tmp_path / "c.toml"], settings_classes()), new_instance_id(), tmp_path)

    assert [(name, type(provider)) for name, provider in providers.items()] == [
        ("work", ClaudeProvider),
        ("claude", ClaudeProvider),
        ("demo", DemoProvider),
    ]
    assert all(provider.name == name for name, provider in providers.items())


def test_a_plug_in_is_configured_and_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, mine=f"{__name__}:KIND")
    (tmp_path / "c.toml").write_text('[providers.mine]\ncolour = "blue"\n')
    providers = build(load([tmp_path / "c.toml"], settings_classes()), new_instance_id(), tmp_path)

    assert providers[ProviderName("mine")] == Mine(ProviderName("mine"), MineSettings(colour="blue"))


def test_a_plug_in_takes_no_type_of_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _plug_in(monkeypatch, claude=f"{__name__}:KIND")

    assert isinstance(build(Settings(), new_instance_id(), tmp_path)[ProviderName("claude")], ClaudeProvider)


def test_what_is_no_plug_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, mine=f"{__name__}:Mine")

    with pytest.raises(ConfigError, match="the plug-in mine"):
        settings_classes()
