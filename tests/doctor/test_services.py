from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jelmored.doctor import services
from jelmored.doctor.findings import Finding, Level

from .scenes import at


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "system"
    directory.mkdir()
    monkeypatch.setattr(services, "SYSTEM", (directory,))
    monkeypatch.setattr(services, "LINGER", tmp_path / "linger")
    return directory


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_none_is_no_fault(tmp_path: Path, system: Path) -> None:
    assert levels(list(services.units(at(tmp_path)))) == [Level.NOTE]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (f"ExecStart={sys.executable} -m jelmored", Level.GOOD),
        (f"ExecStart=-{sys.executable}", Level.GOOD),
        (f'ExecStart="{sys.executable}" serve', Level.GOOD),
        ('ExecStart="/no where/jelmored" serve', Level.BAD),
        ("ExecStart=/nowhere/jelmored serve", Level.BAD),
        ("Type=notify", Level.BAD),
    ],
)
def test_a_unit_must_start_what_is_there(tmp_path: Path, system: Path, line: str, level: Level) -> None:
    (system / "jelmored@.service").write_text(f"[Service]\n{line}\n")
    (system / "nginx.service").write_text("[Service]\nExecStart=/nowhere\n")
    assert levels(list(services.units(at(tmp_path)))) == [level]


def test_a_users_unit_ends_with_the_user_unless_it_lingers(tmp_path: Path, system: Path) -> None:
    directory = tmp_path / ".config" / "systemd" / "user"
    directory.mkdir(parents=True)
    (directory / "jelmored.service").write_text(f"[Service]\nExecStart={sys.executable}\n")
    good, note = services.units(at(tmp_path))
    assert (good.level, note.level) == (Level.GOOD, Level.NOTE)
    assert "loginctl enable-linger" in (note.remedy or "")
