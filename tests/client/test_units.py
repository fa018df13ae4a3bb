from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jelmored.client import units
from jelmored.client.managing import USER, Unit
from jelmored.client.units import (
    MARK,
    SHIPPED_PROGRAM,
    Piece,
    fitted,
    for_system,
    for_user,
    hidden_place,
    own_unit,
    program,
    quoted,
    shipped,
)


def test_every_unit_that_starts_the_daemon_is_fitted() -> None:
    for kind in ("system", "user"):
        for file in (shipped() / kind).glob("*.service"):
            assert f"\nExecStart={SHIPPED_PROGRAM} serve\n" in file.read_text()
            assert f"\nExecStart={program()} serve\n" in fitted(kind, file.name)
            assert SHIPPED_PROGRAM + " " not in fitted(kind, file.name)


def test_the_program_is_the_one_beside_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "my venv" / "python"
    python.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(python))
    assert program() == f'"{python}" -P -m jelmored'
    python.with_name("jelmored").touch()
    assert program() == f'"{tmp_path}/my venv/jelmored"'


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/jelmored", "/usr/bin/jelmored"),
        ("/a b", '"/a b"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("it's", '"it\'s"'),
    ],
)
def test_a_word_means_no_more_than_itself(word: str, written: str) -> None:
    assert quoted(word) == written


def test_yours_has_your_path_and_lies_in_your_configuration() -> None:
    plan = for_user({"HOME": "/h", "PATH": "/h/.local/bin:/bin"}, socket=False)
    [service] = plan.pieces
    assert service.path == Path("/h/.config/systemd/user/jelmored.service")
    assert "\nEnvironment=PATH=/h/.local/bin:/bin\n" in service.text
    assert list(plan.commands) == [
        ("systemctl", "--user", "daemon-reload"),
        ("systemctl", "--user", "enable", "--now", "jelmored.service"),
    ]
    other = for_user({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, socket=True)
    assert [piece.path.name for piece in other.pieces] == ["jelmored.service", "jelmored.socket"]
    assert other.pieces[0].path.parent == Path("/c/systemd/user")
    assert other.begins == "jelmored.socket"


def test_systemd_starts_it_only_where_it_is_installed_and_the_usual_places_are_meant(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    [service] = for_user(environ, socket=False).pieces
    assert own_unit(environ) is None
    service.path.parent.mkdir(parents=True)
    service.path.write_text(service.text)
    assert own_unit(environ) is None, "there is no systemd of the user's"
    manager = tmp_path / "run" / "systemd" / "private"
    manager.parent.mkdir(parents=True)
    manager.touch()
    assert own_unit(environ) == Unit(USER, "jelmored.service")
    assert own_unit({**environ, "STATE_DIRECTORY": "/s"}) is None
    service.path.write_text("[Unit]\n")
    assert own_unit(environ) is None, "it is somebody else's"


def test_the_machine_s_has_a_user_and_directories_first(tmp_path: Path) -> None:
    plan = for_system(socket=False, root=tmp_path)
    paths = [str(piece.path.relative_to(tmp_path)) for piece in plan.pieces]
    assert paths == [
        "etc/sysusers.d/jelmored.conf",
        "etc/tmpfiles.d/jelmored.conf",
        "etc/systemd/system/jelmored.service",
        "etc/systemd/system/jelmored@.service",
    ]
    assert [command[0] for command in plan.commands] == [
        "systemd-sysusers",
        "systemd-tmpfiles",
        "systemctl",
        "systemctl",
    ]


@pytest.mark.parametrize("place", ["/home/you/.venv", "/root/.local/pipx"])
def test_what_the_machine_s_service_can_t_see_is_found(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", place)
    assert hidden_place() == place
    monkeypatch.setattr(sys, "prefix", "/opt/jelmored")
    monkeypatch.setattr(sys, "executable", "/usr/bin/true")
    monkeypatch.setattr(units, "__file__", "/opt/jelmored/units.py")
    assert hidden_place() is None


def test_only_what_bears_our_mark_is_ours(tmp_path: Path) -> None:
    piece = Piece(tmp_path / "unit", f"{MARK} (1)\nnew\n")
    assert (piece.is_there, piece.is_ours) == (False, False)
    piece.path.write_text("[Unit]\n")
    assert (piece.is_there, piece.is_ours) == (True, False)


def test_and_it_is_as_it_should_be_or_not(tmp_path: Path) -> None:
    piece = Piece(tmp_path / "unit", f"{MARK} (1)\nnew\n")
    piece.path.write_text(f"{MARK} (0)\nold\n")
    assert (piece.is_ours, piece.is_current) == (True, False)
    piece.path.write_text(piece.text)
    assert (piece.is_ours, piece.is_current) == (True, True)


def test_units_come_with_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "__file__", str(tmp_path / "jelmored" / "client" / "units.py"))
    assert shipped() == tmp_path / "systemd"
    (tmp_path / "jelmored" / "systemd").mkdir(parents=True)
    assert shipped() == tmp_path / "jelmored" / "systemd"
