"""`status`, and `daemon start`, `stop`, `drain`, `undrain`, `logs`: the daemon itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import trio

from jelmored.client.addresses import running
from jelmored.client.client import Client
from jelmored.client.errors import Disconnected, NoDaemon
from jelmored.client.exits import Exit
from jelmored.client.groups import alone
from jelmored.client.places import Places
from jelmored.client.shell import Shell
from jelmored.client.starting import Starter, last_lines
from jelmored.client.terminal.amounts import duration
from jelmored.client.units import own_unit
from jelmored.domain.models import Health, ProviderView
from jelmored.domain.status import IN_TURN
from jelmored.wire.messages import DaemonStatus, JournalHealth

STOP_SECONDS = 30.0  # the daemon gives itself 20
LOOK_SECONDS = 0.05
FOLLOW_SECONDS = 0.2


async def status(shell: Shell) -> Exit:
    """How the daemon is; none is started for it."""
    async with shell.client(spawn=False) as client:
        now = await client.status()
        sound = all(health is Health.HEALTHY for health in now.providers.values())
        views = () if sound or shell.json else await client.providers()
    if shell.json:
        shell.give(now)
    else:
        shell.say("\n".join(_lines(now, views)))
    return Exit.OK


async def start(shell: Shell, *, config: str | None) -> Exit:
    """Start a daemon in the background, if none runs; by systemd, where it is installed there."""
    options = ("--config", config) if config else ()
    address = running(shell.places)
    words = "runs already" if address else "started"
    if address is None:
        unit = None if options else own_unit(shell.environ)
        address = await Starter(shell.places, options=options, unit=unit).start()
    if shell.json:
        shell.give({"socket": str(address)})
    else:
        shell.note(f"the daemon {words}: {address}")
    return Exit.OK


async def stop(shell: Shell, *, grace: float | None = None) -> Exit:
    """End the daemon; sessions stay, and go on when there is one again. `grace`: seconds that turns have to end."""
    if not shell.places.alive():
        shell.note("no daemon runs")
        return Exit.OK
    async with shell.client(spawn=False) as client:
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, shell.places, nursery.cancel_scope)
                with suppress(Disconnected):  # it may be gone before its reply is here
                    await client.shutdown(grace)
                    await _drained(shell, client)
                nursery.cancel_scope.cancel()
    with trio.move_on_after(STOP_SECONDS):
        await _gone(shell.places)
        shell.note("the daemon has stopped")
        return Exit.OK
    raise NoDaemon(f"the daemon did not stop within {STOP_SECONDS:g} s; `jelmore daemon logs` may say why")


async def _drained(shell: Shell, client: Client) -> None:
    """It may be configured to wait for turns; how long is its own affair."""
    if (await client.status()).draining:
        shell.note("waiting for turns to end; `jelmore daemon stop` elsewhere ends the wait")
    while (await client.status()).draining:  # noqa: ASYNC110 – nothing tells that it has begun to stop but its end
        await trio.sleep(FOLLOW_SECONDS)


async def reload(shell: Shell) -> Exit:
    """Read the configuration again, and say what came of it."""
    async with shell.client(spawn=False) as client:
        told = await client.reload()
    if shell.json:
        shell.give(told)
        return Exit.OK
    later = set(told.next_run)
    for words, keys in (
        ("counts now", [key for key in told.applied if key not in later]),
        ("counts for agents that are started from now on", told.next_run),
        ("needs a new start of the daemon", told.needs_restart),
    ):
        for key in keys:
            shell.note(f"{key}: {words}")
    if not told.applied and not told.needs_restart:
        shell.note("nothing has changed")
    return Exit.OK


async def drain(shell: Shell, *, wait: bool) -> Exit:
    """Begin no turns; those that run end. `wait`: until none runs."""
    async with shell.client(spawn=False) as client:
        now = await client.drain()
        while wait and in_turn(now):
            await trio.sleep(FOLLOW_SECONDS)
            now = await client.status()
    return _told(shell, now, f"it begins no turns; {in_turn(now) or 'none'} in hand")


async def undrain(shell: Shell) -> Exit:
    """Begin turns again, first with what has waited."""
    async with shell.client(spawn=False) as client:
        now = await client.undrain()
    return _told(shell, now, "it begins turns again")


def _told(shell: Shell, now: DaemonStatus, words: str) -> Exit:
    if shell.json:
        shell.give(now)
    else:
        shell.note(words)
    return Exit.OK


def in_turn(now: DaemonStatus) -> int:
    """Sessions that are at work."""
    return sum(now.sessions.get(status.value, 0) for status in IN_TURN)


async def logs(shell: Shell, *, follow: bool, number: int) -> Exit:
    """What a daemon that was started on demand has said."""
    places = shell.places
    if not places.log.exists():
        raise NoDaemon(f"there is no {places.log}; a daemon that a service manager started logs there")
    with places.log.open("rb") as log:
        shell.say(last_lines(log, number))
        while follow:
            if more := log.read(64 * 1024):
                shell.write(more.decode(errors="replace"))
            await trio.sleep(FOLLOW_SECONDS)
    return Exit.OK


async def _until_gone(places: Places, asking: trio.CancelScope) -> None:
    """A client would look for the one that is gone until its patience is over: there is nothing left to ask."""
    await _gone(places)
    asking.cancel()


async def _gone(places: Places) -> None:
    """No notice comes when a lock is let go: look."""
    while places.alive():  # noqa: ASYNC110 – another process's lock, so there is no event to wait for
        await trio.sleep(LOOK_SECONDS)


def _lines(now: DaemonStatus, views: Sequence[ProviderView]) -> list[str]:
    providers = ", ".join(f"{name} {health.value}" for name, health in now.providers.items()) or "none"
    sessions = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in now.sessions.items() if count)
    journal = "ok" if now.journal.ok else now.journal.kind or "failed"
    return [
        f"jelmored {now.version}, process {now.pid}, up {duration(now.uptime_seconds)}",
        f"providers  {providers}",
        *(f"           {view.name}: {_wrong(view)}" for view in views if view.reason),
        f"sessions   {sessions or 'none'}",
        f"runs       {now.runs}",
        f"clients    {now.connections}",
        *(["turns      none begins: the daemon drains"] if now.draining else []),
        f"journal    {journal}, {now.journal.bytes / 1_000_000:.1f} MB, {now.journal.lag_ms:.1f} ms behind",
        *_of_the_disk(now.journal),
        *([f"log        {now.log_lost} lines could not be written"] if now.log_lost else []),
    ]


def _of_the_disk(journal: JournalHealth) -> list[str]:
    """What a person has to know of it, and do."""
    told = []
    if journal.message:
        told.append(f"           sessions pause: {journal.message} → {journal.remedy or 'see `jelmore daemon logs`'}")
    if journal.damaged:
        told.append(f"           it was damaged: what could be read of {journal.damaged} is here → docs/reliability.md")
    return told


def _wrong(view: ProviderView) -> str:
    """What is the matter with it, and what to do."""
    return f"{view.reason} → {view.remedy}" if view.remedy else str(view.reason)
