from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from jelmored import __version__
from jelmored.doctor import machine
from jelmored.doctor.findings import Level

from .scenes import at, told


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_another_version_that_runs_is_told(tmp_path: Path) -> None:
    (own,) = machine.versions(told(tmp_path))
    assert __version__ in own.text
    *_, other = machine.versions(told(tmp_path, version="0.0.7"))
    assert (other.level, "0.0.7" in other.text) == (Level.NOTE, True)


@pytest.mark.parametrize(
    ("free", "level"), [(3 << 30, Level.GOOD), (200 << 20, Level.NOTE), (10 << 20, Level.BAD), (0, Level.BAD)]
)
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(4 << 30, 0, free))
    assert [finding.level for finding in machine.disk(at(tmp_path))] == [level]


def test_a_network_is_no_place_for_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = ["/dev/vda / ext4 rw 0 0", f"far:/export {os.path.realpath(tmp_path)} nfs4 rw 0 0"]
    monkeypatch.setattr(machine, "_lines", lambda _: mounts)
    *_, finding = machine.disk(at(tmp_path))
    assert (finding.level, "nfs4" in finding.text) == (Level.BAD, True)
    mounts[1] = mounts[1].replace("nfs4", "xfs")
    assert all(finding.level is not Level.BAD for finding in machine.disk(at(tmp_path)))


def test_a_state_directory_that_is_not_there_yet_counts_as_what_is_around_it(tmp_path: Path) -> None:
    scene = at(tmp_path)
    scene.places.state.rmdir()
    assert str(scene.places.state) in next(iter(machine.disk(scene))).text


@pytest.mark.parametrize(("soft", "level"), [("256", Level.NOTE), ("65536", Level.GOOD), ("unlimited", Level.GOOD)])
def test_open_files_are_those_of_the_daemon_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soft: str, level: Level
) -> None:
    monkeypatch.setattr(machine, "_lines", lambda _: [f"Max open files            {soft}     524288      files"])
    (finding,) = machine.limits(told(tmp_path))
    assert finding.level is level
    assert "LimitNOFILE" in (finding.remedy or "LimitNOFILE")
