"""Runs children and runs them again when they fail, one for one: what befalls one of them is no matter of the others.

A child is a `run` and a rule. A supervisor is a `run` too, so trees need no further idea: when a child fails too often,
its supervisor's own `run` fails with `RestartLimitReached`, and whoever runs that decides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import trio

from jelmored.errors import Stopped

from .children import Child, RestartLimitReached, SupervisorEvent
from .keeper import Keeper
from .restarts import History, Policy
from .running import STOP_DEADLINE, STOPS, Stop, open_plain_nursery, running_in_order


class Supervisor:
    """Keeps children running.

    Args:
        name: for logs and events.
        children: started in this order, each up before the next; stopped in reverse, each gone before the next.
        policy: the limits. Every child has them for itself: one that fails often uses up nobody else's restarts.
        on_event: told what befalls a child, at once; must not raise.
        deadline: seconds for the stop of all children, as far as they clean up under `grace`.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[Child],
        policy: Policy,
        *,
        on_event: Callable[[SupervisorEvent], None] = lambda event: None,
        deadline: float = STOP_DEADLINE,
    ) -> None:
        self.name = name
        self._children = tuple(children)
        self._policy = policy
        self._on_event = on_event
        self._rng = random.Random()
        self._deadline = deadline
        self._fixed: dict[str, Keeper] = {}
        self._added: dict[str, Keeper] = {}
        self._nursery: trio.Nursery | None = None
        self._stops: tuple[Stop, ...] = ()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Started when all children are up. May be run again, and nothing is held against the children then.

        Raises:
            RestartLimitReached: a child reached a limit; the others have been stopped.
        """
        self._fixed = {child.name: self._keeper(child) for child in self._children}
        runs = [keeper.run for keeper in self._fixed.values()]
        async with running_in_order(runs, deadline=self._deadline), open_plain_nursery() as nursery:
            self._nursery, self._stops = nursery, STOPS.get()
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._stopping()

    async def start_child(self, child: Child) -> None:
        """Add a child while the supervisor runs; returns when it is up.

        If it fails before that, it is tried again by the same rules; if this is cancelled, it is gone. A child that was
        added and has ended for good is forgotten. Those that were added all stop at once, before the others.

        Raises:
            Stopped: the supervisor does not run, or the child ended before it was up.
            RestartLimitReached: it did not come up; the supervisor goes on.
            ValueError: there is a child of this name.
        """
        if self._nursery is None:
            raise Stopped(f"{self.name} does not run")
        if child.name in self._keepers:
            raise ValueError(f"{self.name} has a child {child.name!r} already")
        keeper = self._added[child.name] = self._keeper(child)
        await self._nursery.start(self._adopt, child.name, keeper)

    @property
    def _keepers(self) -> Mapping[str, Keeper]:
        return self._fixed | self._added

    def _keeper(self, child: Child) -> Keeper:
        return Keeper(self.name, child, History(self._policy, self._rng), self._on_event)

    async def _adopt(self, name: str, keeper: Keeper, *, task_status: trio.TaskStatus[object]) -> None:
        STOPS.set(self._stops)  # a task begins with the context of whoever asked for it, but this one stops when we do
        try:
            await keeper.run(task_status=task_status)
        except RestartLimitReached:
            if keeper.matters:
                raise
        finally:
            del self._added[name]

    def _stopping(self) -> None:
        self._nursery = None
        for keeper in self._added.values():
            keeper.cancel()  # the nursery would not: one that is not up yet is not in it, and holds it open
