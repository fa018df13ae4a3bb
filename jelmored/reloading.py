"""The configuration that a daemon works by: who holds it, and how it is read again while sessions go on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

import attrs
import structlog
import trio

from jelmored import meaning
from jelmored.config.documents import dotted
from jelmored.config.effect import Counts, taken
from jelmored.config.lines import Key
from jelmored.config.settings import NotifySettings, Settings
from jelmored.config.sources import Configuration, Entry
from jelmored.control.server import Connections
from jelmored.domain.ids import ProviderName
from jelmored.errors import ConfigError, ErrorKind, Refused
from jelmored.notify.courier import Way
from jelmored.notify.notifier import Notifier
from jelmored.providers.base import BaseProvider
from jelmored.secrecy import Secrets
from jelmored.sessions.agent.router import Router
from jelmored.sessions.registrar import Defaults
from jelmored.sessions.turn.purse import Purse
from jelmored.sessions.upkeep.janitor import Janitor
from jelmored.sessions.world import Wishes
from jelmored.supervision.providers import Providers
from jelmored.supervision.terms import Terms
from jelmored.wire.messages import Reloaded, Setting

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class Owners:
    """Those parts of the daemon that settings matter to, after it has begun."""

    made: Mapping[ProviderName, BaseProvider]
    providers: Providers
    purse: Purse
    router: Router
    wishes: Wishes
    terms: Terms
    defaults: Defaults
    janitor: Janitor
    notifier: Notifier
    way_of: Callable[[NotifySettings], Iterable[Way]]
    connections: Connections
    go_on: Callable[[], None]

    def heed(self, old: Settings, new: Settings) -> None:
        """They go by the new ones from now on. What does not count without a new start is in them as it was."""
        changed = [name for name, entry in new.providers.items() if entry.settings != old.providers[name].settings]
        for name in changed:
            self.made[name].heed(new.providers[name].settings)
        self.providers.heed(
            meaning.specs(new, self.made),
            max_total_runs=new.max_total_sessions,
            policy=meaning.policy(new),
            look=changed,
        )
        self.purse.budget = meaning.budget(new)
        self.router.settings = new.failover
        self.wishes.heed(meaning.wishes(new))
        self.terms.heed(meaning.terms(new))
        self.defaults.permission_modes = meaning.permission_modes(new)
        self.janitor.heed(**meaning.tidying(new))
        if new.notify != old.notify:
            self.notifier.heed(tuple(self.way_of(new.notify)))
        self.connections.allow_origins(new.control.allowed_origins)
        self.go_on()


class Current:
    """The one holder of the configuration.

    Args:
        configuration: that the daemon was started with.
        secrets: learn of those that a new one has.
        reloading: around each time that it is read again.
    """

    def __init__(
        self,
        configuration: Configuration,
        secrets: Secrets,
        reloading: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._reloading = reloading
        self.settings = configuration.settings
        self.owners: Owners | None = None
        """Told when it changes; None while the daemon is being built."""
        self._read_again = configuration.again
        self._secrets = secrets
        self._entries = configuration.entries()
        self._reading = trio.Lock()

    def get(self) -> tuple[Setting, ...]:
        """All settings that count now, with what is a secret left out."""
        return meaning.shown(self._entries)

    async def reload(self) -> Reloaded:
        """Read it again, and take what can be taken without a new start. No session is ended, and no turn.

        Raises:
            Refused: `config-invalid`, with all faults; nothing has changed.
        """
        async with self._reading:
            with self._reloading():
                told = await self._reload()
        log.info("reloaded", applied=told.applied, needs_restart=told.needs_restart)
        return told

    async def _reload(self) -> Reloaded:
        try:
            read = await trio.to_thread.run_sync(self._read_again)
        except ConfigError as error:
            raise Refused(
                ErrorKind.CONFIG_INVALID,
                f"nothing was changed, for the configuration has faults:\n{error}",
                remedy="`jelmored check-config` says the same; then reload again",
                data={"faults": list(error.faults)},
            ) from None
        return self._take(read)

    def _take(self, read: Configuration) -> Reloaded:
        settings = taken(self.settings, read.settings)
        entries = _in_use(self._entries, read, settings)
        self._secrets.learn(read.settings.secrets())
        if self.owners is not None:
            self.owners.heed(self.settings, settings)
        before, self._entries, self.settings = self._entries, entries, settings
        applied = _differences(before, entries)
        return Reloaded(
            applied=tuple(map(dotted, applied)),
            next_run=tuple(dotted(key) for key in applied if _counts(key, entries, before) is Counts.NEXT_RUN),
            needs_restart=tuple(_needing_restart(entries, read)),
        )

    async def hear_signals(
        self, *, hung_up: Callable[[], bool], task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Until cancelled: SIGHUP reads it again. Afterwards one is ignored, for then we stop.

        Args:
            hung_up: it means something else, and somebody has heeded it.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                if hung_up():
                    continue
                try:
                    await self.reload()
                except Refused as refused:
                    log.error("not reloaded", error=refused.message)


def _in_use(old: Mapping[Key, Entry], read: Configuration, settings: Settings) -> dict[Key, Entry]:
    """Each value that counts, with the place that it came from."""
    new = read.entries()
    mixed = attrs.evolve(read, settings=settings).entries()
    return {
        key: new[key] if key in new and new[key].value == entry.value else old.get(key, entry)
        for key, entry in mixed.items()
    }


def _differences(one: Mapping[Key, Entry], other: Mapping[Key, Entry]) -> list[Key]:
    """The keys that have not the same value in both, in the order of the other."""
    keys = dict.fromkeys((*other, *one))
    return [key for key in keys if key not in one or key not in other or one[key].value != other[key].value]


def _counts(key: Key, *entries: Mapping[Key, Entry]) -> Counts:
    return next(found[key].counts for found in entries if key in found)


def _needing_restart(entries: Mapping[Key, Entry], read: Configuration) -> list[str]:
    """What was read and does not count; a provider that comes or goes is told as one."""
    there = {key[1] for key in entries if key[0] == "providers"}
    asked = dict.fromkeys(read.settings.providers)
    keys = _differences(entries, read.entries())
    whole = (key[:2] if key[0] == "providers" and (key[1] in there) != (key[1] in asked) else key for key in keys)
    return list(dict.fromkeys(map(dotted, whole)))
