"""Types of provider, from the package and from plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import attrs
import pytest

from jelmored.config.loading import load
from jelmored.config.providers import ProviderSettings
from jelmored.config.settings import Settings
from jelmored.domain.ids import ProviderName, new_instance_id
from jelmored.domain.models import ProviderCapabilities
from jelmored.errors import ConfigError
from jelmored.providers import registry
from jelmored.providers.base import BaseProvider, BaseSession, Probe, SessionConfig
from jelmored.providers.claude.provider import ClaudeProvider
from jelmored.providers.demo.provider import DemoProvider
from jelmored.providers.opencode.provider import OpencodeProvider
from jelmored.providers.registry import BUILT_IN, GROUP, Around, Kind, build, register_provider, settings_classes


@attrs.frozen(kw_only=True)
class MineSettings(ProviderSettings):
    type: str = "mine"
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
    registry._installed.cache_clear()
    yield
    registry._installed.cache_clear()


def _plug_in(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, value, GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == GROUP else [])


def test_the_packages_own_are_built_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[providers.work]\ntype = "claude"\n')
    providers = build(load([tmp_path / "c.toml"], settings_classes()), new_instance_id(), tmp_path)

    assert [(name, type(provider)) for name, provider in providers.items()] == [
        ("work", ClaudeProvider),
        ("claude", ClaudeProvider),
        ("opencode", OpencodeProvider),
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


def test_a_plug_in_has_what_the_daemon_wants_to_know_of_every_provider(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plug_in(monkeypatch, mine=f"{__name__}:KIND")
    (tmp_path / "c.toml").write_text("[providers.mine]\ntool_timeout_seconds = 7\n")
    mine = load([tmp_path / "c.toml"], settings_classes()).providers[ProviderName("mine")]

    assert (mine.type, mine.named, mine.settings.enabled) == ("mine", True, True)
    assert (mine.settings.timeout_seconds, mine.settings.tool_timeout_seconds) == (240, 7)


@attrs.frozen(kw_only=True)
class Stray:
    """Settings that lack what every provider's have."""


STRAY = Kind(settings=Stray, make=_make)  # type: ignore[arg-type]


def test_settings_that_extend_nothing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, mine=f"{__name__}:STRAY")

    with pytest.raises(ConfigError, match=r"the settings of the plug-in mine .*ProviderSettings"):
        settings_classes()


def test_the_types_have_the_names_that_their_settings_say() -> None:
    assert {name: cls().type for name, cls in settings_classes().items()} == {name: name for name in BUILT_IN}


def test_what_is_no_plug_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _plug_in(monkeypatch, mine=f"{__name__}:Mine")

    with pytest.raises(ConfigError, match="the plug-in mine"):
        settings_classes()


def test_a_plug_in_is_taken_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"from {__name__} import KIND\n")
    (tmp_path / "c.toml").write_text(f'[providers.blue]\ntype = "{file}:KIND"\ncolour = "blue"\n')
    providers = build(load([tmp_path / "c.toml"], settings_classes()), new_instance_id(), tmp_path)

    made = providers[ProviderName("blue")]
    assert isinstance(made, Mine)
    assert made.settings.colour == "blue"


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("gone.py", None, "there is no file"),
        ("empty.py", "", "is no jelmored.providers.registry.Kind"),
        ("wrong.py", "import nothing_of_this_name", "can't be imported: No module named 'nothing_of_this_name'"),
        ("bad.py", "def", "can't be imported"),
    ],
)
def test_a_file_that_is_no_plug_in_is_told_with_its_line(
    tmp_path: Path, file: str, code: str | None, said: str
) -> None:
    if code is not None:
        (tmp_path / file).write_text(code)
    config = tmp_path / "c.toml"
    config.write_text(f'[providers.blue]\ntype = "{tmp_path / file}:KIND"\n')
    with pytest.raises(ConfigError) as caught:
        load([config], settings_classes())

    (fault,) = caught.value.faults
    assert fault.startswith(f"{config}:2: providers.blue.type: ")
    assert said in fault


def test_a_program_registers_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    register_provider("mine", KIND)

    assert settings_classes()["mine"] is MineSettings
    for taken in ("mine", "claude"):
        with pytest.raises(ConfigError, match="already"):
            register_provider(taken, KIND)
