"""`daemon restart`: a new life for the daemon, begun as the one before it was. Sessions stay."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from jelmored.client.addresses import TcpAddress, named
from jelmored.client.client import Client
from jelmored.client.errors import ClientError, NoDaemon
from jelmored.client.exits import Exit
from jelmored.client.managing import COMMAND_SECONDS, Unit, asked, unit_of
from jelmored.client.shell import Shell
from jelmored.client.starting import Starter
from jelmored.wire.messages import DaemonStatus

from . import daemons

UNDRAIN_SECONDS = 2.0
DRAIN = "sessions.drain_seconds"


async def restart(shell: Shell, *, grace: float | None = None) -> Exit:
    """End the daemon and start it again: by its unit, if systemd has it in hand, else in the background, with the
    arguments that it had. With a faulty configuration it goes on as it is. `grace`: seconds that turns have to end."""
    if named(shell.environ) is None and not shell.places.alive():
        return await daemons.start(shell, config=None)
    async with shell.client(spawn=False) as client:
        await client.reload()  # what the next one could not start with is told by this one, which stays
        before = await client.status()
        unit = await unit_of(before.pid, shell.environ) if _is_here(shell, before) else None
        if unit is not None:
            try:
                await _let_turns_end(client, grace)
                await _by_systemd(shell, client, unit, before.pid)
            except BaseException:  # if the one that runs goes on, its turns do
                with trio.move_on_after(UNDRAIN_SECONDS, shield=True), suppress(ClientError):
                    await client.undrain()
                raise
    if unit is None:
        await _by_ourselves(shell, grace)
    async with shell.client(spawn=False) as client:
        return _tell(shell, before, await client.status())


def _is_here(shell: Shell, now: DaemonStatus) -> bool:
    """A socket may lead to another machine, where the same number is another process: what stands beside it tells."""
    address = named(shell.environ)
    if isinstance(address, TcpAddress):
        return False
    places = shell.places if address is None else attrs.evolve(shell.places, runtime=Path(address.path).parent)
    try:
        notice = places.notice()
    except NoDaemon:
        return False
    return notice is not None and (notice.pid, notice.instance_id) == (now.pid, now.instance_id)


async def _let_turns_end(client: Client, grace: float | None) -> None:
    """Within so many seconds; without them it is left to the daemon, as it stops."""
    if grace is None:
        return
    now = await client.drain()
    with trio.move_on_after(grace):
        while daemons.in_turn(now):
            await trio.sleep(daemons.FOLLOW_SECONDS)
            now = await client.status()


async def _by_systemd(shell: Shell, client: Client, unit: Unit, pid: int) -> None:
    """The command returns when the next one is ready."""
    patience = await _drain_seconds(client)
    command = unit.command("restart")
    shell.note(f"running {shlex.join(command)}" + (f"; turns have {patience:g} s to end" if patience else ""))
    done = await asked(command, shell.environ, COMMAND_SECONDS + patience)
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
    if await unit_of(pid, shell.environ) == unit:  # it may not be restarted by us
        raise ClientError(f"`{shlex.join(command)}` was refused, and the daemon goes on as it is: {said}")
    raise NoDaemon(f"`{shlex.join(command)}` failed: {said}; {await unit.account(shell.environ)}")


async def _drain_seconds(client: Client) -> float:
    return next((float(one.value) for one in await client.settings() if one.key == DRAIN), 0.0)


async def _by_ourselves(shell: Shell, grace: float | None) -> None:
    if address := named(shell.environ):
        raise ClientError(f"the daemon at {address} is not systemd's: restart it as it was started")
    notice = shell.places.notice()
    options = notice.options if notice else ()
    await daemons.stop(shell, grace=grace)
    await Starter(shell.places, options=options).start()


def _tell(shell: Shell, before: DaemonStatus, now: DaemonStatus) -> Exit:
    if shell.json:
        shell.give({"before": {"pid": before.pid, "version": before.version}, "now": now})
        return Exit.OK
    number = sum(now.sessions.values())
    version = now.version if now.version == before.version else f"{before.version} → {now.version}"
    shell.note(
        f"the daemon was restarted: process {before.pid} → {now.pid}, version {version}, {number} "
        f"session{'' if number == 1 else 's'}"
    )
    return Exit.OK
