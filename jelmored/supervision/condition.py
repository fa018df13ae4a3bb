"""How a provider is, as far as it is known: the one owner of the facts, and of what follows when they are others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import attrs
import structlog
import trio

from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import BreakerState
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Journal
from jelmored.providers.base import Probe
from jelmored.wire import codec

from .cooling import Cooling
from .facts import HealthFacts
from .health import Verdict, health

log = structlog.get_logger(__name__)

LOOKS = 30.0  # seconds at most between two looks at the wall clock, which may be set while we wait for it


class Blame(Protocol):
    """Who is to blame when the network fails; `connectivity.py` knows."""

    @property
    def offline(self) -> bool: ...

    def failed(self, name: ProviderName) -> bool:
        """A turn failed by the network's fault; true: not by the provider's."""

    def reached(self) -> None:
        """A turn went well."""


class Condition:
    """Of one provider. Where a change has no other teller, it tells.

    Args:
        facts: at the beginning.
        remote: it can't work without a network.
        network: decides whether a failure is the network's.
        now: the wall clock.
        tell: clients are to see how it is.
    """

    def __init__(
        self,
        name: ProviderName,
        facts: HealthFacts,
        *,
        remote: bool,
        network: Blame,
        now: Callable[[], datetime],
        tell: Callable[[], None],
    ) -> None:
        self._name = name
        self._facts = facts
        self._remote = remote
        self._network = network
        self._now = now
        self._tell = tell
        self._stirred = trio.Event()

    @property
    def facts(self) -> HealthFacts:
        return self._facts

    @property
    def verdict(self) -> Verdict:
        """What they amount to, now."""
        return health(self._facts, self._now())

    # Runs and turns

    def admits(self) -> bool:
        """A run would be let through now."""
        return self._facts.admits(self._now())

    def began(self) -> None:
        """A run was opened."""
        self._facts = self._facts.began(self._now())  # nobody who waits for a change is concerned

    @property
    def on_trial(self) -> bool:
        """The run that was opened last is to show whether it is well again."""
        return self._facts.breaker.trial

    def abandon_trial(self) -> None:
        """The trial ended in a way that says nothing of the provider."""
        self._change(self._facts.abandoned())

    def failed(self, failure: Failure, *, starting: bool = False) -> None:
        """A turn failed, or with `starting` a run that should have had one."""
        if self._is_excused(failure):
            self._change(attrs.evolve(self._facts, cut_off=failure))
        else:
            self._change(self._facts.failed(failure, self._now(), starting=starting))

    def _is_excused(self, failure: Failure) -> bool:
        """The network is to blame, not this provider."""
        if failure.kind is ErrorKind.NETWORK and self._remote:
            return self._network.failed(self._name)
        return failure.cls is RunClass.UNAVAILABLE and self._facts.cut_off is not None

    def succeeded(self) -> None:
        """A turn went well."""
        self._change(self._facts.succeeded(self._now()))
        if self._remote:
            self._network.reached()

    def answered(self) -> None:
        """What was in doubt is settled as soon as the model answers: it may be a long turn."""
        if self._facts.cut_off or self._facts.breaker.state(self._now()) is BreakerState.HALF_OPEN:
            self.succeeded()
            self._tell()

    # The network, as `connectivity.py` sees it

    def cut_off(self) -> None:
        """Its model's server can't be reached."""
        if self._facts.cut_off is None:
            lost = Failure(kind=ErrorKind.NETWORK, message="the model's server can't be reached")
            self._change(attrs.evolve(self._facts, cut_off=lost))
            self._tell()

    def reconnected(self, *, blamed: bool) -> None:
        """The network is back; `blamed`: it never was away, and what failed then counts."""
        failure = self._facts.cut_off
        if failure is not None:
            facts = attrs.evolve(self._facts, cut_off=None)
            self._change(facts.failed(failure, self._now()) if blamed else facts)
            self._tell()

    # Looks, and what an operator wants

    def probed(self, probe: Probe, *, asked: bool) -> None:
        """A look has shown this; `asked`: a person has asked for it."""
        self._change(self._facts.probed(probe, asked=asked))

    def fallen(self, failure: Failure | None) -> None:
        """What its runs share is not there; None: it is."""
        if failure != self._facts.fallen:
            self._change(attrs.evolve(self._facts, fallen=failure))
            self._tell()

    def drain(self, *, wanted: bool) -> None:
        """It is to take no new runs, or is to take some again."""
        self._change(attrs.evolve(self._facts, draining=wanted))

    def heed(self, *, enabled: bool, named: bool) -> None:
        """The configuration says so from now on."""
        self._change(self._facts.configured(enabled=enabled, named=named))

    def begin_anew(self) -> None:
        """An operator starts it again."""
        self._change(self._facts.begun_anew())

    def remember(self, cooling: Cooling) -> None:
        """What it knew in a former life of the daemon."""
        self._change(attrs.evolve(self._facts, cooling=cooling))

    def _change(self, facts: HealthFacts) -> None:
        self._facts = facts
        self._stirred.set()
        self._stirred = trio.Event()

    # Its tasks

    async def heed_time(self) -> None:
        """Tell of what time alone has changed: a cooling, a breaker's rest is over."""
        while True:
            before = self.verdict
            change = self._facts.next_change(self._now())
            left = LOOKS if change is None else (change - self._now()).total_seconds()
            with trio.move_on_after(min(left, LOOKS)):
                await self._stirred.wait()
                continue
            if self.verdict != before:
                self._tell()

    async def keep(self, journal: Journal) -> None:
        """Keep until when it cools, as often as that changes."""
        kept = self._facts.cooling
        while True:
            await self._stirred.wait()
            if self._facts.cooling == kept:
                continue
            kept = self._facts.cooling
            try:
                await journal.keep_provider(self._name, codec.encode(kept))
            except JournalError as error:
                log.warning("a cooling is not kept", provider=self._name, error=error.message)
