"""The service manager that has a daemon in hand, as systemd tells it: which unit a daemon is, which one a door makes
start, and what has become of it. Nothing is waited for longer than it is worth."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import trio

from .errors import ClientError

COMMAND_SECONDS = 360.0  # a start is waited for, and TimeoutStartSec= is 300
LOOK_SECONDS = 5.0
LINES = 12
SYSTEM, USER = ("systemctl",), ("systemctl", "--user")


async def asked(
    command: Sequence[str], environ: Mapping[str, str], seconds: float = COMMAND_SECONDS
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of systemd's.

    Raises:
        ClientError: it is not there, or not done within so many seconds.
    """
    with trio.move_on_after(seconds):
        try:
            return await trio.run_process(  # noqa: TID251 – no agent, and nothing that stays
                command, stdin=b"", capture_stdout=True, capture_stderr=True, check=False, env=environ
            )
        except FileNotFoundError:
            raise ClientError(f"there is no {command[0]} here: this needs systemd") from None
    raise ClientError(f"`{shlex.join(command)}` was not done within {seconds:g} s")


@attrs.frozen
class Unit:
    """
    Args:
        manager: the command that asks systemd, without its verb.
        name: as `jelmored.service`.
    """

    manager: tuple[str, ...]
    name: str

    def command(self, verb: str) -> tuple[str, ...]:
        """Which does that to it."""
        return (*self.manager, verb, self.name)

    @property
    def log(self) -> tuple[str, ...]:
        """The command that shows what it has said."""
        return ("journalctl", *self.manager[1:], "-u", self.name)

    async def account(self, environ: Mapping[str, str]) -> str:
        """How it is, the end of its log, and how to see more."""
        state = await _told((*self.manager, "show", "-p", "ActiveState,Result,ExecMainStatus", self.name), environ)
        lines = await _told((*self.log, "-n", str(LINES), "-o", "cat", "-q", "--no-pager"), environ)
        told = f"{self.name}: {', '.join(state.split()) or 'systemd tells nothing of it'}"
        told += f"; the end of its log:\n{lines}\n" if lines else "; "
        return f"{told}`{shlex.join(self.command('status'))}` and `{shlex.join(self.log)}` say more"


async def unit_of(pid: int, environ: Mapping[str, str]) -> Unit | None:
    """The one whose main process this is; None: nobody but who started it has it in hand."""
    for unit in _candidates(pid):
        if await _told((*unit.manager, "show", "-p", "MainPID", "--value", unit.name), environ) == str(pid):
            return unit
    return None


async def unit_behind(socket: str, environ: Mapping[str, str]) -> Unit | None:
    """The one that is started when somebody comes to this socket of systemd's."""
    for manager in (USER, SYSTEM):
        listed = await _told((*manager, "list-sockets", "--all", "--full", "--no-legend", "--no-pager"), environ)
        for line in listed.splitlines():
            path, *units = line.split()
            if path == socket and len(units) >= 2:  # the socket's own, and the one that it activates
                return Unit(manager, units[1])
    return None


def _candidates(pid: int) -> Iterator[Unit]:
    """By its control group; every process that a unit has started is in it, so systemd is to say whether it is that."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        services = [part for part in path.split("/") if part.endswith(".service")]
        if controllers in {"", "name=systemd"} and services:
            users = services[0].startswith("user@") and len(services) > 1
            yield Unit(USER if users else SYSTEM, services[-1])


async def _told(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """What it says; nothing, where it can't."""
    try:
        done = await asked(command, environ, LOOK_SECONDS)
    except (ClientError, OSError):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
