"""Services beside a body of code: started first, in order, and stopped last, in reverse, within one deadline.

A nursery stops all its tasks at once. Here each service is shielded until what was started after it is over. A service
that has to clean up when it is cancelled does so under `grace`, the one shield that knows of the deadline.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Protocol

import attrs
import trio

STOP_DEADLINE = 20.0
"""Seconds for the stop of everything that is stopped together."""


class Service(Protocol):
    """Whatever lives long: Trio's start protocol. What it reports as started is dropped."""

    async def __call__(self, *, task_status: trio.TaskStatus[object]) -> None: ...


@attrs.define(eq=False)
class Stop:
    """The end of some services: once it has begun, no `grace` of theirs lasts longer than `within` seconds."""

    within: float
    _at: float | None = attrs.field(default=None, init=False)
    _graces: set[trio.CancelScope] = attrs.field(factory=set, init=False)

    def begin(self) -> None:
        """The first service is told to stop. Again: no effect."""
        if self._at is None:
            self._at = trio.current_time() + self.within
            for scope in self._graces:
                scope.deadline = min(scope.deadline, self._at)

    @contextmanager
    def bounding(self, scope: trio.CancelScope) -> Iterator[None]:
        """For as long as this lasts, the scope's deadline is never past ours."""
        self._graces.add(scope)
        if self._at is not None:
            scope.deadline = min(scope.deadline, self._at)
        try:
            yield
        finally:
            self._graces.discard(scope)


STOPS: ContextVar[tuple[Stop, ...]] = ContextVar("stops", default=())
"""Those that the current task is part of."""


@contextmanager
def grace(seconds: float) -> Iterator[trio.CancelScope]:
    """Shield a clean-up for so many seconds, or fewer if the stop that it is part of is nearer its deadline.

    `with grace(5): await agent.wait_gone()`. The scope tells by `cancelled_caught` that time ran out.
    """
    with ExitStack() as stack:
        scope = stack.enter_context(trio.move_on_after(seconds, shield=True))
        for stop in STOPS.get():
            stack.enter_context(stop.bounding(scope))
        yield scope


@asynccontextmanager
async def running(service: Service, *, deadline: float = STOP_DEADLINE) -> AsyncIterator[None]:
    """Run a service beside the body. It is up before the body begins, and is cancelled when the body is over.

    Args:
        service: if it fails, the body is cancelled and the failure raised here. If it returns, the body goes on.
        deadline: seconds from the end of the body, after which no `grace` holds off the cancellation.
    """
    async with _beside(service, Stop(deadline)):
        yield


@asynccontextmanager
async def running_in_order(services: Iterable[Service], *, deadline: float = STOP_DEADLINE) -> AsyncIterator[Stop]:
    """Run services beside the body: each is up before the next begins, each stops when the next is gone.

    The body gets their stop: until it is over, it may set `within` to less.

    Args:
        services: as for `running`.
        deadline: seconds for the stop of them all together.
    """
    stop = Stop(deadline)
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(_beside(service, stop))
        yield stop


@asynccontextmanager
async def open_plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that raises a single failure as it is, not in a group. Two failures at once stay a group."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        only = group.exceptions[0]
        raise only from only.__cause__


@asynccontextmanager
async def _beside(service: Service, stop: Stop) -> AsyncIterator[None]:
    scope = trio.CancelScope(shield=True)  # it has no deadline of its own: it ends with the body
    up = _Up()
    async with open_plain_nursery() as nursery:
        try:
            nursery.start_soon(_serve, service, stop, scope, up)
            await up.event.wait()
            yield
        finally:
            stop.begin()
            scope.cancel()


async def _serve(service: Service, stop: Stop, scope: trio.CancelScope, up: _Up) -> None:
    STOPS.set((*STOPS.get(), stop))
    with scope:
        await service(task_status=up)
        if not up.event.is_set() and not scope.cancel_called:
            raise RuntimeError(f"{service} returned before it was up")


@attrs.frozen(eq=False)
class _Up:
    """The `task_status` of a service. `Nursery.start` would not do: cancelled, it waits without starting our clock."""

    event: trio.Event = attrs.field(factory=trio.Event)

    def started(self, value: object = None) -> None:
        self.event.set()
