"""Notices that the network is gone, and when it is back: looks at the providers' servers, free of charge, until one
answers. While it is `offline` no provider is to blame, and nobody is served better elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog
import trio

from jelmored.actors.restarts import Backoff
from jelmored.domain.ids import ProviderName
from jelmored.domain.times import utc_now

from .offline import SLEPT, Finding, Network

log = structlog.get_logger(__name__)

LOOKS = Backoff(first=1, factor=2, limit=30, jitter=0)  # seconds between two
TICK = 10.0  # seconds between two looks at the clocks


class Member(Protocol):
    """A provider, as far as the network concerns it."""

    name: ProviderName

    @property
    def remote(self) -> bool:
        """It is switched on and there, and its model is somewhere else."""

    async def reachable(self) -> bool | None:
        """Its server answers; None: not known."""

    def cut_off(self) -> None:
        """Its server can't be reached."""

    def reconnected(self, *, blamed: bool) -> None:
        """The outage is over; `blamed`: there was none, and what failed in it was its own fault."""


class Connectivity:
    """The network as the providers see it.

    Args:
        members: all providers.
        now: the wall clock.
    """

    def __init__(self, members: Callable[[], Sequence[Member]], now: Callable[[], datetime] = utc_now) -> None:
        self._members = members
        self._now = now
        self._network = Network()
        self._began = trio.Event()
        self._over = trio.Event()
        self._waiting: list[Callable[[], None]] = []

    @property
    def offline(self) -> bool:
        return self._network.outage is not None

    def when_online(self, callback: Callable[[], None]) -> None:
        """Call this once, when the outage is over; at once if there is none. It must not raise."""
        if self.offline:
            self._waiting.append(callback)
        else:
            callback()

    def failed(self, name: ProviderName) -> bool:
        """A turn failed by the network's fault. Is that all there is to it: the provider is not to blame?"""
        others = [member for member in self._remote() if member.name != name]
        self._change(self._network.failed(name, trio.current_time(), alone=not others))
        return self.offline

    def reached(self) -> None:
        """A turn went well where the network is needed."""
        if self.offline:
            self._end(Finding.OVER)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look at the clocks, and in an outage at the servers, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_clocks)
            task_status.started()
            while True:
                await self._began.wait()
                await self._wait_for_network()

    async def _wait_for_network(self) -> None:
        pause = None
        while (outage := self._network.outage) is not None:
            answers = await self._look()
            if outage is not self._network.outage:  # it was over meanwhile
                continue
            finding = outage.judge(set(answers.values()), trio.current_time())
            if finding is not Finding.LASTS:
                self._end(finding)
                return
            self._confirm(answers)
            pause = LOOKS.after(pause)
            with trio.move_on_after(pause):
                await self._over.wait()

    async def _look(self) -> Mapping[Member, bool | None]:
        answers: dict[Member, bool | None] = {}

        async def ask(member: Member) -> None:
            answers[member] = await member.reachable()

        async with trio.open_nursery() as nursery:
            for member in self._remote():
                nursery.start_soon(ask, member)
        return answers

    def _confirm(self, answers: Mapping[Member, bool | None]) -> None:
        self._network = self._network.confirmed()
        for member, answer in answers.items():
            if answer is False:
                member.cut_off()

    async def _watch_clocks(self) -> None:
        """Asleep, the wall clock goes on and Trio's does not."""
        ahead = self._ahead()
        while True:
            await trio.sleep(TICK)
            before, ahead = ahead, self._ahead()
            if ahead - before > SLEPT and self._remote():
                self._change(self._network.slept(trio.current_time()))

    def _ahead(self) -> float:
        return self._now().timestamp() - trio.current_time()

    def _remote(self) -> list[Member]:
        return [member for member in self._members() if member.remote]

    def _change(self, network: Network) -> None:
        began = network.outage is not None and not self.offline
        self._network = network
        if began:
            log.warning("offline", failed=sorted(network.failed_at))
            self._over = trio.Event()
            self._began.set()

    def _end(self, finding: Finding) -> None:
        log.info("online", finding=finding.name)
        self._network = Network()
        self._began = trio.Event()
        self._over.set()
        for member in self._members():
            member.reconnected(blamed=finding is Finding.FALSE_ALARM)
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()
