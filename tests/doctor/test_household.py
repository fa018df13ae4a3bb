from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from jelmored.client.places import DaemonNotice
from jelmored.config.settings import SessionsSettings, Settings
from jelmored.control.tokens import TokenFiles
from jelmored.doctor import household
from jelmored.doctor.findings import Finding, Level
from jelmored.domain.ids import InstanceId
from jelmored.domain.scopes import Scope
from jelmored.journal.schema import APPLICATION_ID, MIGRATIONS
from jelmored.wire.messages import JournalHealth

from .scenes import at, told


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_every_fault_of_the_configuration_is_told(tmp_path: Path) -> None:
    scene = at(tmp_path, settings=None, faults=("c.toml:3: a: unknown key", "c.toml:4: b: expected a number"))
    found = list(household.configuration(scene))
    assert levels(found) == [Level.BAD] * 2
    assert "c.toml:4" in found[1].text


def test_a_directory_that_is_open_to_others_is_told_with_the_remedy(tmp_path: Path) -> None:
    scene = at(tmp_path)
    scene.places.state.chmod(0o755)
    state, runtime = household.directories(scene)
    assert (state.level, runtime.level) == (Level.BAD, Level.GOOD)
    assert state.remedy == f"run `chmod 700 {scene.places.state}`"


def test_a_directory_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    scene = at(tmp_path)
    scene.places.runtime.rmdir()
    assert levels(list(household.directories(scene))) == [Level.GOOD, Level.NOTE]


def test_tokens_that_are_in_order_and_that_are_not(tmp_path: Path) -> None:
    scene = at(tmp_path)
    files = TokenFiles(scene.places.tokens)
    assert list(household.tokens(scene)) == [], "no port, no tokens"
    files.ensure()
    [good] = household.tokens(scene)
    assert (good.level, good.text) == (Level.GOOD, "admin (admin)")
    files.add("ci", Scope.OBSERVER).chmod(0o644)
    files.path("notes").write_text("none")
    files.path("notes").chmod(0o600)
    ci, notes = household.tokens(scene)
    assert levels([ci, notes]) == [Level.BAD] * 2
    assert "ci is open to others (mode has 044); no daemon with a port starts" in ci.text
    assert str(ci.remedy).startswith(f"run `chmod 600 {files.path('ci')}`")
    assert str(notes.remedy).startswith("run `jelmored token revoke notes`")
    files.directory.chmod(0o755)
    [directory] = household.tokens(scene)
    assert f"{files.directory} is open to others" in directory.text
    assert f"chmod 700 {files.directory}" in str(directory.remedy)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_token_of_somebody_else(tmp_path: Path) -> None:
    scene = at(tmp_path)
    files = TokenFiles(scene.places.tokens)
    files.ensure()
    os.chown(files.path("admin"), 65534, 65534)
    [theirs] = household.tokens(scene)
    assert "admin belongs to uid 65534, not to us" in theirs.text
    assert theirs.remedy == "remove it"


def test_a_directory_for_sessions_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    (tmp_path / "file").write_text("")
    roots = ("~/work", str(tmp_path / "gone"), str(tmp_path / "file"))
    settings = Settings(sessions=SessionsSettings(workspace_roots=roots))
    found = list(household.workspaces(at(tmp_path, settings=settings)))
    assert levels(found) == [Level.GOOD, Level.NOTE, Level.NOTE]
    assert str(tmp_path / "gone") in found[1].text
    assert list(household.workspaces(at(tmp_path))) == list(household.workspaces(at(tmp_path, settings=None))) == []


def test_a_socket_of_a_living_daemon_of_a_dead_one_and_none(tmp_path: Path) -> None:
    scene = told(tmp_path)
    assert levels(list(household.socket(scene))) == [Level.BAD], "it is gone"
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(scene.places.socket))
    assert levels(list(household.socket(scene))) == [Level.GOOD]
    assert levels(list(household.socket(at(tmp_path)))) == [Level.NOTE], "the next start replaces it"
    scene.places.socket.unlink()
    assert list(household.socket(at(tmp_path))) == []
    scene.places.socket.write_text("in the way")
    assert levels(list(household.socket(at(tmp_path)))) == [Level.BAD]


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    scene = at(tmp_path)
    long = attrs.evolve(scene, places=attrs.evolve(scene.places, runtime=tmp_path / ("x" * 120)))
    (found,) = household.socket(long)
    assert (found.level, found.remedy) == (Level.BAD, "give a shorter --runtime-dir")


def test_a_daemon_that_does_not_answer(tmp_path: Path) -> None:
    notice = DaemonNotice(version="1", pid=77, instance_id=InstanceId("i"), socket="s", protocol_versions=(1,))
    (found,) = household.daemon(at(tmp_path, alive=True, notice=notice, silence="no answer within 5 s"))
    assert found.level is Level.BAD
    assert "process 77" in found.text
    assert "kill 77" in (found.remedy or "")


def test_a_daemon_that_drains(tmp_path: Path) -> None:
    assert levels(list(household.daemon(told(tmp_path)))) == [Level.GOOD]
    assert levels(list(household.daemon(told(tmp_path, draining=True)))) == [Level.GOOD, Level.NOTE]
    assert levels(list(household.daemon(at(tmp_path)))) == [Level.NOTE]


def test_a_journal_that_pauses(tmp_path: Path) -> None:
    health = JournalHealth(ok=False, bytes=1, lag_ms=0, message="the disk is full", remedy="make room")
    (found,) = household.journal(told(tmp_path, journal=health))
    assert (found.level, found.remedy) == (Level.BAD, "make room")


@pytest.mark.parametrize(
    ("application", "version", "level"),
    [
        (APPLICATION_ID, len(MIGRATIONS), Level.GOOD),
        (APPLICATION_ID, len(MIGRATIONS) + 1, Level.BAD),
        (APPLICATION_ID + 1, len(MIGRATIONS), Level.BAD),
    ],
)
def test_a_journal_at_rest_is_told_by_its_header(tmp_path: Path, application: int, version: int, level: Level) -> None:
    scene = at(tmp_path)
    assert levels(list(household.journal(scene))) == [Level.NOTE], "none yet"
    with closing(sqlite3.connect(scene.places.state / "journal.db")) as file:
        file.execute(f"PRAGMA application_id = {application}")
        file.execute(f"PRAGMA user_version = {version}")
    assert levels(list(household.journal(scene))) == [level]


def test_no_journal_at_all(tmp_path: Path) -> None:
    scene = at(tmp_path)
    (scene.places.state / "journal.db").write_bytes(b"hello")
    assert levels(list(household.journal(scene))) == [Level.BAD]


def test_what_lies_beside_it_is_told_once(tmp_path: Path) -> None:
    scene = told(tmp_path)
    for name in ("damaged-20261101T000000Z", "damaged-20261101T000000Z-wal", "schema-3.backup", "reserve"):
        (scene.places.state / f"journal.db.{name}").touch()
    assert levels(list(household.journal(scene))) == [Level.GOOD, Level.NOTE, Level.NOTE]
