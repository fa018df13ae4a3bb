"""`daemon restart`: with a whole daemon; systemctl is a stand-in that starts the next one."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from jelmored.client.commands import restarting
from jelmored.client.errors import ClientError
from jelmored.client.exits import Exit
from jelmored.client.managing import Unit
from jelmored.client.shell import Shell
from tests.client.daemon import FakeDaemon
from tests.client.machine import COMMAND, Ended, Machine

CONFIG = """
default_provider = "demo"
[providers.claude]
enabled = false
[providers.opencode]
enabled = false
[notify]
desktop = false
"""


@pytest.fixture
def home() -> Iterator[Machine]:
    """With a short path."""
    with tempfile.TemporaryDirectory(prefix="jd-") as made:
        (Path(made) / "config.toml").write_text(CONFIG)
        yield Machine(Path(made))


@attrs.frozen
class Living:
    machine: Machine

    async def jelmore(self, *arguments: str) -> Ended:
        return await self.machine.jelmore(*arguments)

    async def status(self) -> dict[str, object]:
        told = (await self.jelmore("status", "--json")).json
        assert isinstance(told, dict)
        return told


@asynccontextmanager
async def living(machine: Machine) -> AsyncIterator[Living]:
    """A daemon that was started in the background."""
    started = await machine.jelmore("daemon", "start", "--config", str(machine.root / "config.toml"))
    assert started.code == Exit.OK, started.err
    try:
        yield Living(machine)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 60):
            await machine.jelmore("daemon", "stop", "--grace", "0")


async def test_it_is_another_one_with_the_same_sessions_and_arguments(home: Machine) -> None:
    async with living(home) as daemon:
        await daemon.jelmore("run", "-d", "-n", "mine", "hello")
        before = await daemon.status()
        done = await daemon.jelmore("daemon", "restart")
        assert done.code == Exit.OK, done.err
        now = await daemon.status()
        assert now["pid"] != before["pid"]
        assert f"process {before['pid']} → {now['pid']}, version" in done.err
        assert "1 session\n" in done.err
        assert '"mine"' in (await daemon.jelmore("ls", "--json")).out
        options = json.loads((home.root / "run" / "daemon.json").read_text())["options"]
        assert options[-2:] == ["--config", str(home.root / "config.toml")]


async def test_with_a_fault_in_its_configuration_it_goes_on_as_it_is(home: Machine) -> None:
    async with living(home) as daemon:
        before = await daemon.status()
        (home.root / "config.toml").write_text(CONFIG + "x = 1\n")
        done = await daemon.jelmore("daemon", "restart")
        assert done.code == Exit.REFUSED
        assert "nothing was changed" in done.err
        assert (await daemon.status())["pid"] == before["pid"]


SYSTEMCTL = """
case $1 in
    restart) echo "$*" > {root}/asked
        if test -e {root}/refuses; then echo 'access denied' >&2; exit 4; fi
        {jelmore} daemon stop --grace 0 && {jelmore} daemon start --config {root}/config.toml ;;
esac
"""


def unit(machine: Machine) -> Unit:
    """What systemctl does with it, a script does."""
    script = machine.root / "systemctl"
    jelmore = " ".join(["env", *(f"{name}='{value}'" for name, value in machine.environ.items()), *COMMAND])
    script.write_text("#!/bin/sh\n" + SYSTEMCTL.format(root=machine.root, jelmore=jelmore))
    script.chmod(0o755)
    return Unit((str(script),), "jelmored.service")


def shell(machine: Machine, **environ: str) -> tuple[Shell, io.StringIO]:
    err = io.StringIO()
    return Shell(environ={**machine.environ, **environ}, cwd="/", stdin=io.StringIO(), out=io.StringIO(), err=err), err


@pytest.fixture
def owned(home: Machine, monkeypatch: pytest.MonkeyPatch) -> Unit:
    """Whatever runs is in the hand of a unit."""
    made = unit(home)

    async def unit_of(pid: int, environ: object) -> Unit:
        return made

    monkeypatch.setattr(restarting, "unit_of", unit_of)
    return made


async def test_what_is_systemd_s_is_restarted_by_it_once_turns_have_had_their_time(home: Machine, owned: Unit) -> None:
    async with living(home) as daemon:
        before = await daemon.status()
        here, said = shell(home)
        assert await restarting.restart(here, grace=0.1) == Exit.OK
        now = await daemon.status()
        assert (home.root / "asked").read_text() == "restart jelmored.service\n"
        assert said.getvalue().splitlines()[0] == f"running {owned.manager[0]} restart jelmored.service"
        assert f"process {before['pid']} → {now['pid']}" in said.getvalue()
        assert now["draining"] is False


async def test_where_that_is_not_allowed_the_daemon_goes_on(home: Machine, owned: Unit) -> None:
    async with living(home) as daemon:
        before = await daemon.status()
        (home.root / "refuses").touch()
        with pytest.raises(ClientError, match="was refused, and the daemon goes on as it is: access denied"):
            await restarting.restart(shell(home)[0], grace=0.1)
        assert {**await daemon.status(), **CHANGES} == {**before, **CHANGES}


CHANGES: Mapping[str, object] = {"uptimeSeconds": 0, "tasks": 0, "connections": 0, "journal": {}}


async def test_one_that_is_named_and_nobody_s_is_left_alone(daemon: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("daemon", "restart", JELMORE_SOCKET=str(daemon.socket))
    assert done.code == Exit.REFUSED
    assert "is not systemd's" in done.err
    assert not daemon.stopped.is_set()


async def test_a_process_of_another_machine_is_no_unit_s_here(home: Machine, owned: Unit, daemon: FakeDaemon) -> None:
    with pytest.raises(ClientError, match="is not systemd's"):
        await restarting.restart(shell(home, JELMORE_SOCKET=str(daemon.socket))[0])
    assert not (home.root / "asked").exists()


async def test_where_none_runs_one_is_started(home: Machine) -> None:
    done = await home.jelmore("daemon", "restart")
    try:
        assert (done.code, done.err) == (Exit.OK, f"the daemon started: {home.root}/run/control.sock\n")
    finally:
        await home.jelmore("daemon", "stop", "--grace", "0")
