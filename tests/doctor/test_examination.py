from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jelmored.doctor import examination
from jelmored.doctor.findings import Area, Finding, Level
from jelmored.doctor.scene import Scene

from .scenes import at, provider, told


def test_every_area_has_a_word_with_a_daemon_and_without(tmp_path: Path) -> None:
    everything = {
        "versions", "configuration", "daemon", "directories", "journal", "disk", "limits", "agents", "units",
        "leftovers",
    }  # fmt: skip
    assert {finding.area for finding in examination.examine(at(tmp_path))} == everything
    assert {finding.area for finding in examination.examine(told(tmp_path, provider()))} == {*everything, "socket"}


def test_what_cant_be_looked_at_does_not_hide_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Scene) -> Iterator[Finding]:
        yield Area("disk").good("so far")
        raise PermissionError(13, "Permission denied", "/far")

    def whole(_: Scene) -> Iterator[Finding]:
        yield Area("limits").good("all")

    monkeypatch.setattr(examination, "LOOKS", (broken, whole))
    so_far, fault, rest = examination.examine(at(tmp_path))
    assert (so_far.text, fault.level, rest.text) == ("so far", Level.NOTE, "all")
    assert "/far" in fault.text
