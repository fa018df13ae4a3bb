"""The composition root: what the daemon is made of, in the order in which it starts. It stops in reverse."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import structlog
import trio

from jelmored import __version__, meaning
from jelmored.actors.children import Child
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import STOP_DEADLINE, running_in_order
from jelmored.actors.supervisor import Supervisor
from jelmored.config.places import Places
from jelmored.config.sources import Configuration
from jelmored.control.dialogue import routes
from jelmored.control.doors import Doors
from jelmored.control.knocking import knock
from jelmored.control.server import Connections
from jelmored.control.services import Instance, Services
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.ids import new_instance_id
from jelmored.domain.models import ProviderView
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, JournalPaused
from jelmored.journal.sqlite import SqliteJournal
from jelmored.journal.veil import Veil
from jelmored.notify.notifier import Notifier
from jelmored.notify.ways import NAMES, ways
from jelmored.process.lives import Lives
from jelmored.process.reaper import Reaper
from jelmored.providers import registry
from jelmored.reloading import Current, Owners
from jelmored.secrecy import Secrets
from jelmored.service.handed import NOTHING, Handed
from jelmored.service.standing import Standing
from jelmored.service.terminal import Terminal
from jelmored.service.watchdog import Watchdog, writing
from jelmored.sessions.agent.router import Router
from jelmored.sessions.directory import Directory
from jelmored.sessions.hub import Hub
from jelmored.sessions.registrar import Defaults
from jelmored.sessions.turn.purse import Purse
from jelmored.sessions.upkeep.draining import Draining
from jelmored.sessions.upkeep.janitor import Janitor
from jelmored.sessions.upkeep.salvaging import retold
from jelmored.sessions.world import World
from jelmored.supervision.providers import Providers
from jelmored.wire.messages import PROTOCOL_VERSION, DaemonEvent, ProviderChanged

log = structlog.get_logger(__name__)

ESSENTIAL = Policy(  # past it the daemon ends, and whoever started it decides
    limit=Limit(restarts=3, period=60),
    unstable=3,
    stable_after=60,
    backoff=Backoff(first=0.2, factor=4, limit=5, jitter=0.1),
)
STOPS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    configuration: Configuration,
    catalogue: Catalogue,
    places: Places,
    *,
    announce: Callable[[Mapping[str, Any]], None],
    handed: Handed = NOTHING,
    secrets: Secrets | None = None,
) -> None:
    """Run until a signal or a client asks for the end; then stop within 20 s.

    Args:
        configuration: loaded and checked.
        catalogue: the same, of the models.
        places: prepared; the daemon's lock is held.
        announce: told, once clients can connect, what stands in daemon.json.
        handed: by the service manager that has started us.
        secrets: those of the configuration, that the log knows already.

    Raises:
        JournalError: the journal can't be opened.
        RestartLimitReached: something essential failed too often.
    """
    settings = configuration.settings
    secrets = secrets or Secrets(settings.secrets())
    veil = Veil(secrets)
    instance = Instance(instance_id=new_instance_id(), version=__version__, pid=os.getpid(), started_at=utc_now())
    end = _End(handed.terminal)
    hub = Hub(veil)
    journal = SqliteJournal(
        places.state / "journal.db",
        synchronous=settings.journal.synchronous.value,
        changed=lambda trouble: _tell_journal(hub, trouble),
        retell=retold,
        veil=veil,
    )
    terms = meaning.terms(settings)
    made = registry.build(settings, instance.instance_id, places.state, catalogue)
    providers = Providers(
        meaning.specs(settings, made),
        max_total_runs=settings.max_total_sessions,
        changed=lambda view: _tell_provider(hub, view),
        journal=journal,
        policy=meaning.policy(settings),
        catalogue=catalogue,
        grant=terms.granted,
    )
    purse = Purse(meaning.budget(settings))
    router = Router(providers, settings.failover)
    world = World(
        journal=journal,
        providers=providers,
        hub=hub,
        router=router,
        purse=purse,
        wishes=meaning.wishes(settings),
        terms=terms,
    )
    defaults = Defaults(permission_modes=meaning.permission_modes(settings))
    sessions = Directory(world, defaults)
    janitor = Janitor(sessions.sweeper, **meaning.tidying(settings))
    way_of = partial(ways, environ=os.environ, instance_id=instance.instance_id)
    notifier = Notifier(
        hub, lambda session_id: veil.value(sessions.get(session_id)), tuple(way_of(settings.notify)), NAMES
    )
    standing = Standing(handed.manager, sessions, grace=STOP_DEADLINE)
    current = Current(configuration, secrets, standing.reloading)
    services = Services(
        directory=sessions,
        providers=providers,
        journal=journal,
        instance=instance,
        configuration=current,
        shutdown=end.ask,
        stopping=end.has_begun,
    )
    connections = Connections(routes(services), allowed_origins=settings.control.allowed_origins)
    doors = Doors(settings.control, places, connections, handed.sockets)
    watchdog = Watchdog(
        handed.manager, handed.watchdog, {"journal": writing(journal), "door": lambda: knock(doors.socket)}
    )
    current.owners = Owners(
        made=made,
        providers=providers,
        purse=purse,
        router=router,
        wishes=world.wishes,
        terms=terms,
        defaults=defaults,
        janitor=janitor,
        notifier=notifier,
        way_of=way_of,
        connections=connections,
        go_on=sessions.go_on,
    )

    async with running_in_order(
        [
            end.hear_signals,  # to the very last: a signal during the stop must not cut it short
            partial(current.hear_signals, hung_up=end.hung_up),
            Reaper(instance.instance_id).run,
            Supervisor("journal", [Child("journal", journal.run)], ESSENTIAL).run,
            Lives(places.state, instance.instance_id).run,  # the journal holds the lock of the state directory
            connections.run,
            hub.run,
            notifier.run,  # around the sessions: a turn that the last life left open, or our stop cuts, is told too
            sessions.run,
            providers.run,
            sessions.begin_turns,
            janitor.run,
            standing.run,
            *doors.before,
            Supervisor("listeners", [Child("listeners", doors.listeners.run)], ESSENTIAL).run,
            watchdog.run,
        ],
        deadline=STOP_DEADLINE,
    ) as stop:
        announce({**_notice(instance, doors.socket), **(reached := doors.notice())})
        handed.manager.ready()
        log.info("ready", socket=str(doors.socket), url=reached.get("url"), instance=instance.instance_id)
        within = await end.wait()
        standing.stopping()
        drain = current.settings.sessions.drain_seconds if within is None else within
        await end.let_turns_end(sessions.draining, drain)
        stop.within = STOP_DEADLINE if within is None else min(STOP_DEADLINE, within)
        hub.broadcast("daemon/event", DaemonEvent(kind="stopping", content="the daemon stops"))
        log.info("stopping")


class _End:
    """The wish to stop: of a signal, a client, or a terminal that closes. Who wishes it twice wants it at once.

    Args:
        terminal: that we were started at.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._asked = trio.Event()
        self._asked_again = trio.Event()
        self._within: float | None = None
        self._begun = False

    def ask(self, grace_seconds: float | None = None) -> None:
        """Seconds that turns in hand get, and then the stop itself, if less than usual; None: as configured."""
        if self._asked.is_set():
            self._asked_again.set()
        else:
            self._within = grace_seconds
        self._asked.set()

    def hung_up(self) -> bool:
        """SIGHUP has come: because our terminal has closed? Then we stop. The system and a shell may both say it, of
        one that has closed once."""
        if self._terminal.closed and not self._asked.is_set():
            log.info("the terminal has closed")
            self.ask()
        return self._terminal.closed

    def has_begun(self) -> bool:
        """What is begun now would only be cut."""
        return self._begun

    async def wait(self) -> float | None:
        """Until it is asked for; the seconds that were asked for with it."""
        await self._asked.wait()
        return self._within

    async def let_turns_end(self, draining: Draining, seconds: float) -> None:
        """No turn begins any more. Those in hand get so long, as long as nobody asks again."""
        if seconds and not draining.quiet:
            draining.begin()
            log.info("draining", seconds=seconds)
            with trio.move_on_after(seconds):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._cancel_when_asked_again, nursery.cancel_scope)
                    await draining.wait_quiet()
                    nursery.cancel_scope.cancel()
        self._begun = True

    async def _cancel_when_asked_again(self, scope: trio.CancelScope) -> None:
        await self._asked_again.wait()
        scope.cancel()

    async def hear_signals(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. One that comes while we start is heeded when we are up; a second one ends the wait for turns
        and changes nothing else. One that comes later changes nothing: what the receiver puts back when it ends is that
        they are ignored."""
        for stop in STOPS:
            signal.signal(stop, signal.SIG_IGN)
        with trio.open_signal_receiver(*STOPS) as signals:
            task_status.started()
            async for number in signals:
                log.info("signal", name=signal.Signals(number).name)
                self.ask()


def _tell_provider(hub: Hub, view: ProviderView) -> None:
    hub.broadcast("provider/changed", ProviderChanged(provider=view))


def _tell_journal(hub: Hub, trouble: JournalPaused | None) -> None:
    if trouble is None:
        log.info("the journal's disk takes writes again")
        told = DaemonEvent(kind="journal-ok", content="the disk takes writes again: sessions go on")
    else:
        log.error("the journal's disk takes nothing: sessions pause", error=trouble.message, remedy=trouble.remedy)
        kind: Literal["journal-full", "journal-failed"]
        kind = "journal-full" if trouble.kind is ErrorKind.JOURNAL_FULL else "journal-failed"
        told = DaemonEvent(kind=kind, content=f"{trouble.message}; sessions pause: {trouble.remedy}")
    hub.broadcast("daemon/event", told)


def _notice(instance: Instance, socket: Path) -> Mapping[str, Any]:
    return {
        "version": instance.version,
        "pid": instance.pid,
        "instanceId": instance.instance_id,
        "socket": str(socket),
        "protocolVersions": [PROTOCOL_VERSION],
    }
