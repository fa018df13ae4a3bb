"""systemctl is a stand-in that writes down what it is asked; the files are real."""

from __future__ import annotations

import io
import os
from pathlib import Path

import attrs
import pytest

from jelmored.client import units
from jelmored.client.commands import installing
from jelmored.client.errors import ClientError
from jelmored.client.exits import Exit
from jelmored.client.shell import Shell
from tests.client.daemon import FakeDaemon
from tests.client.machine import Ended, Machine

SYSTEMCTL = """#!/bin/sh
echo "${0##*/} $*" >> "$HOME/asked"
case "$*" in
    *is-active*) test -e "$HOME/active" ;;
    *enable*) if test -e "$HOME/refuses"; then echo "no bus" >&2; exit 1; fi ;;
esac
"""


@attrs.frozen
class Systemd:
    """A machine with systemd on it."""

    machine: Machine

    def __attrs_post_init__(self) -> None:
        (self.machine.root / "bin").mkdir()
        for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles"):
            program = self.machine.root / "bin" / name
            program.write_text(SYSTEMCTL)
            program.chmod(0o755)

    @property
    def path(self) -> str:
        return f"{self.machine.root}/bin:{os.environ['PATH']}"

    @property
    def units(self) -> Path:
        return self.machine.root / ".config" / "systemd" / "user"

    def flag(self, name: str) -> None:
        (self.machine.root / name).touch()

    async def daemon(self, *arguments: str) -> Ended:
        return await self.machine.jelmore("daemon", *arguments, PATH=self.path)

    def asked(self) -> list[str]:
        """And forget it."""
        file = self.machine.root / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture
def systemd(machine: Machine) -> Systemd:
    return Systemd(machine)


def lying(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


async def test_it_is_installed_said_step_by_step_and_again_changes_nothing(systemd: Systemd) -> None:
    done = await systemd.daemon("install")
    assert (done.code, lying(systemd.units)) == (Exit.OK, ["jelmored.service"])
    unit = systemd.units / "jelmored.service"
    assert f"Environment=PATH={systemd.path}\n" in unit.read_text()
    assert unit.stat().st_mode & 0o777 == 0o644
    asked = ["systemctl --user daemon-reload", "systemctl --user enable --now jelmored.service"]
    assert systemd.asked() == asked
    assert done.err.splitlines()[:3] == [f"wrote {unit}", *(f"running {line}" for line in asked)]
    assert "enable-linger" in done.err
    text = unit.read_text()
    again = await systemd.daemon("install")
    assert again.err.startswith(f"{unit} is as it should be\n")
    assert (unit.read_text(), systemd.asked()) == (text, asked)


async def test_what_was_installed_is_stopped_and_removed_and_nothing_else(systemd: Systemd) -> None:
    await systemd.daemon("install", "--socket")
    (systemd.units / "other.service").write_text("[Unit]\n")
    drop_in = systemd.units / "jelmored.service.d"
    drop_in.mkdir()
    (drop_in / "mine.conf").write_text("[Service]\n")
    assert "systemctl --user enable --now jelmored.socket" in systemd.asked()
    done = await systemd.daemon("uninstall")
    assert done.code == Exit.OK
    assert systemd.asked() == [
        "systemctl --user disable --now jelmored.socket",
        "systemctl --user disable --now jelmored.service",
        "systemctl --user daemon-reload",
    ]
    assert lying(systemd.units) == ["jelmored.service.d/mine.conf", "other.service"]
    assert (await systemd.daemon("uninstall")).err == "nothing is installed\n"
    assert systemd.asked() == []


async def test_a_door_that_is_not_wanted_any_more_is_shut(systemd: Systemd) -> None:
    await systemd.daemon("install", "--socket")
    systemd.asked()
    await systemd.daemon("install")
    assert lying(systemd.units) == ["jelmored.service"]
    assert systemd.asked()[0] == "systemctl --user disable --now jelmored.socket"


async def test_somebody_else_s_unit_is_left_alone(systemd: Systemd) -> None:
    systemd.units.mkdir(parents=True)
    unit = systemd.units / "jelmored.service"
    unit.write_text("[Unit]\nDescription=mine\n")
    done = await systemd.daemon("install")
    assert done.code == Exit.REFUSED
    assert "not of our making" in done.err
    assert (await systemd.daemon("uninstall")).err == "nothing is installed\n"
    assert unit.read_text() == "[Unit]\nDescription=mine\n"
    assert systemd.asked() == []


async def test_a_rehearsal_shows_it_all_and_does_nothing(systemd: Systemd) -> None:
    shown = (await systemd.daemon("install", "--socket", "--dry-run")).out
    assert f"write {systemd.units}/jelmored.socket\n" in shown
    assert "    ListenStream=%t/jelmored/control.sock\n" in shown
    assert shown.endswith("run systemctl --user enable --now jelmored.socket\n")
    told = (await systemd.daemon("install", "--system", "--dry-run", "--json")).json
    assert "/etc/systemd/system/jelmored@.service" in told["files"]
    assert told["commands"][-1] == ["systemctl", "enable", "--now", "jelmored.service"]
    assert not systemd.units.exists()
    assert systemd.asked() == []
    await systemd.daemon("install")
    systemd.asked()
    assert (await systemd.daemon("uninstall", "--dry-run")).out == f"remove {systemd.units}/jelmored.service\n"
    assert lying(systemd.units) == ["jelmored.service"]


async def test_without_systemd_it_says_what_there_is_instead(machine: Machine) -> None:
    done = await machine.jelmore("daemon", "install", PATH=str(machine.root))
    assert done.code == Exit.REFUSED
    assert "there is no systemctl here" in done.err
    assert "jelmored serve" in done.err
    assert not (machine.root / ".config").exists()


async def test_a_step_that_fails_is_told_with_what_was_said(systemd: Systemd) -> None:
    systemd.flag("refuses")
    done = await systemd.daemon("install")
    assert done.code == Exit.REFUSED
    assert done.err.endswith("`systemctl --user enable --now jelmored.service` failed: no bus\n")


async def test_a_daemon_of_another_start_is_not_run_into(daemon: FakeDaemon, systemd: Systemd) -> None:
    done = await systemd.daemon("install")
    assert done.code == Exit.REFUSED
    assert "`jelmore daemon stop` first" in done.err
    assert not systemd.units.exists()
    systemd.flag("active")
    assert (await systemd.daemon("install")).code == Exit.OK


def shell(systemd: Systemd) -> tuple[Shell, io.StringIO]:
    err = io.StringIO()
    environ = systemd.machine.environ | {"PATH": systemd.path}
    return Shell(environ=environ, cwd="/", stdin=io.StringIO(), out=io.StringIO(), err=err), err


async def test_the_machine_s_is_root_s_to_install(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    root = systemd.machine.root / "machine"
    monkeypatch.setattr(installing, "for_system", lambda *, socket: units.for_system(socket=socket, root=root))
    here, said = shell(systemd)
    monkeypatch.setattr(installing, "hidden_place", lambda: "/home/you/venv")
    with pytest.raises(ClientError, match="sees no home"):
        await installing.install(here, system=True)
    monkeypatch.setattr(installing, "hidden_place", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClientError, match="sudo"):
        await installing.install(here, system=True)
    assert not root.exists()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    await installing.install(here, system=True, socket=True)
    assert lying(root) == [
        "etc/systemd/system/jelmored.service",
        "etc/systemd/system/jelmored.socket",
        "etc/systemd/system/jelmored@.service",
        "etc/sysusers.d/jelmored.conf",
        "etc/tmpfiles.d/jelmored.conf",
    ]
    assert systemd.asked() == [
        f"systemd-sysusers {root}/etc/sysusers.d/jelmored.conf",
        f"systemd-tmpfiles --create {root}/etc/tmpfiles.d/jelmored.conf",
        "systemctl daemon-reload",
        "systemctl enable --now jelmored.socket",
    ]
    await installing.uninstall(here, system=True)
    assert lying(root) == []
    assert systemd.asked() == [
        "systemctl disable --now jelmored.socket",
        "systemctl disable --now jelmored.service",
        "systemctl stop jelmored@*.service",
        "systemctl disable jelmored@.service",
        "systemctl daemon-reload",
    ]
    assert "so does the user jelmored" in said.getvalue()
