from __future__ import annotations

from pathlib import Path

from jelmored.config.providers import ClaudeSettings
from jelmored.config.settings import ProviderEntry, Settings
from jelmored.doctor.agents import agents
from jelmored.doctor.findings import Level
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import Health

from .scenes import at, provider, told


def test_an_agent_that_is_not_well_has_its_own_remedy(tmp_path: Path) -> None:
    ill = provider("opencode", Health.UNHEALTHY, reason="not logged in", remedy="run `opencode auth login`")
    well, bad = agents(told(tmp_path, provider(version="2.1.197"), ill))
    assert (well.level, "2.1.197" in well.text) == (Level.GOOD, True)
    assert (bad.level, bad.remedy) == (Level.BAD, "run `opencode auth login`")


def test_one_without_a_remedy_of_its_own_gets_one(tmp_path: Path) -> None:
    _, bad = agents(told(tmp_path, provider(), provider("opencode", Health.UNHEALTHY)))
    assert "jelmore daemon logs" in (bad.remedy or "")


def test_the_demo_alone_is_no_agent(tmp_path: Path) -> None:
    off = provider("claude", Health.DISABLED, reason="not installed")
    demo, note, bad = agents(told(tmp_path, provider("demo"), off))
    assert (demo.level, note.level, bad.level) == (Level.GOOD, Level.NOTE, Level.BAD)


def test_without_a_daemon_programs_are_looked_for(tmp_path: Path) -> None:
    def levels(*, named: bool, enabled: bool = True) -> list[Level]:
        entry = ProviderEntry(settings=ClaudeSettings(enabled=enabled), named=named)
        settings = Settings(providers={ProviderName("claude"): entry})
        return [finding.level for finding in agents(at(tmp_path, settings=settings))]

    assert levels(named=False) == [Level.NOTE, Level.BAD], "and nobody else is there"
    assert levels(named=True) == [Level.BAD, Level.BAD]
    assert levels(named=True, enabled=False) == [Level.NOTE, Level.BAD]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").touch(0o755)
    assert levels(named=True) == [Level.GOOD]


def test_with_a_faulty_configuration_nothing_is_looked_for(tmp_path: Path) -> None:
    assert list(agents(at(tmp_path, settings=None))) == []
