"""systemctl and journalctl are stand-ins."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from jelmored.client.errors import ClientError
from jelmored.client.managing import SYSTEM, USER, Unit, asked, unit_behind, unit_of
from tests.client.machine import Machine

SYSTEMCTL = """
case "$*" in
    "--user show -p MainPID"*jelmored.service) echo 7 ;;
    *"show -p ActiveState"*) printf 'ActiveState=failed\\nResult=exit-code\\nExecMainStatus=3\\n' ;;
    "--user list-sockets"*) echo "$HOME/run/control.sock jelmored.socket jelmored.service" ;;
    *) exit 1 ;;
esac
"""
JOURNALCTL = "echo jelmored: the configuration is wrong"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def with_systemd(machine: Machine) -> dict[str, str]:
    """The environment of a machine with systemd on it."""
    place = machine.root / "bin"
    place.mkdir()
    program(place / "systemctl", SYSTEMCTL)
    program(place / "journalctl", JOURNALCTL)
    return {**machine.environ, "PATH": f"{place}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("group", "unit"),
    [
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/jelmored.service", Unit(USER, "jelmored.service")),
        ("1:name=systemd:/user.slice/user@1.service/jelmored.service", Unit(USER, "jelmored.service")),
        ("0::/user.slice/user@1.service/tmux.service", None),
        ("0::/system.slice/jelmored.service", None),
        ("0::/", None),
    ],
)
async def test_a_unit_is_one_if_systemd_says_so(
    group: str, unit: Unit | None, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = with_systemd(machine)
    monkeypatch.setattr(Path, "read_text", lambda path: f"4:cpu:/x.service\n{group}\n")
    assert await unit_of(7, environ) == unit
    assert await unit_of(8, environ) is None


async def test_a_process_that_is_gone_is_no_unit(machine: Machine) -> None:
    assert await unit_of(2**22 + 1, with_systemd(machine)) is None


async def test_how_it_is_in_one_line_with_the_end_of_its_log_and_where_more_is(machine: Machine) -> None:
    assert await Unit(USER, "jelmored.service").account(with_systemd(machine)) == (
        "jelmored.service: ActiveState=failed, Result=exit-code, ExecMainStatus=3; the end of its log:\n"
        "jelmored: the configuration is wrong\n"
        "`systemctl --user status jelmored.service` and `journalctl --user -u jelmored.service` say more"
    )


async def test_without_systemd_it_says_where_to_look(tmp_path: Path) -> None:
    told = await Unit(SYSTEM, "jelmored.service").account({"PATH": str(tmp_path)})
    assert told.endswith("`systemctl status jelmored.service` and `journalctl -u jelmored.service` say more")


async def test_nothing_is_waited_for_for_ever(machine: Machine) -> None:
    with pytest.raises(ClientError, match=r"not done within 0\.1 s"):
        await asked(("sleep", "30"), machine.environ, 0.1)


async def test_who_comes_to_a_door_of_systemd_s_and_is_not_served_is_told_why(machine: Machine) -> None:
    environ = with_systemd(machine)
    path = machine.root / "run" / "control.sock"
    path.parent.mkdir()
    assert await unit_behind(str(path), environ) == Unit(USER, "jelmored.service")
    assert await unit_behind("/elsewhere", environ) is None
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        done = await machine.jelmore("status", PATH=environ["PATH"])
    assert done.code == 3
    assert "no handshake within 5 s; jelmored.service: ActiveState=failed" in done.err
    assert "the configuration is wrong" in done.err
