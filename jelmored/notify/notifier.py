"""Sees what all sessions publish, and has a person told of what nobody is there to see."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import trio

from jelmored.actors.children import Child
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running
from jelmored.actors.supervisor import Supervisor
from jelmored.domain.events import Event
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView
from jelmored.errors import Refused
from jelmored.sessions.hub import EventFrame, Feed, Frame, Hub

from .courier import Courier, Way
from .notices import notice_of
from .transitions import Questions, Transition, decide

POLICY = Policy(
    limit=Limit(restarts=3, period=60),
    unstable=3,
    stable_after=60,
    backoff=Backoff(first=0.5, factor=4, limit=30, jitter=0.1),
)


class Notifier:
    """Each way has a courier of its own: a slow one holds up no other, and one that falls too often is given up alone.

    Args:
        hub: where sessions publish.
        look: at a session; raises `Refused` (`not-found`).
        ways: by which a person is told.
        names: of all ways that there may be later.
    """

    def __init__(
        self, hub: Hub, look: Callable[[SessionId], SessionView], ways: Sequence[Way], names: Sequence[str] = ()
    ) -> None:
        self._hub = hub
        self._look = look
        self._couriers = tuple(Courier(None, name) for name in dict.fromkeys((*(way.name for way in ways), *names)))
        self._questions: dict[SessionId, Questions] = {}
        self.heed(ways)

    def heed(self, ways: Sequence[Way]) -> None:
        """By these from now on, and no others; what waits goes with them."""
        by_name = {way.name: way for way in ways}
        for courier in self._couriers:
            courier.way = by_name.get(courier.name)

    @property
    def ways(self) -> tuple[Way, ...]:
        """By which a person is told now."""
        return tuple(courier.way for courier in self._couriers if courier.way is not None)

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        """As an observer of the hub."""
        for frame in frames:
            if isinstance(frame, EventFrame) and frame.event is not None:
                self._see(frame.event, len(feed.subscribers))

    def _see(self, event: Event, subscribers: int) -> None:
        decision = decide(self._questions.pop(event.session_id, frozenset()), event, subscribers)
        if decision.questions:
            self._questions[event.session_id] = decision.questions
        if decision.tell is not None:
            self._tell(decision.tell, event)

    def _tell(self, transition: Transition, event: Event) -> None:
        with contextlib.suppress(Refused):  # it was deleted in the same moment
            notice = notice_of(transition, event, self._look(event.session_id))
            for courier in self._couriers:
                courier.take(notice)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; what is on its way then is still told, within 2 s."""
        supervisor = Supervisor("notices", [], POLICY)
        async with running(supervisor.run):
            for courier in self._couriers:
                await supervisor.start_child(Child(courier.name, courier.run, essential=False))
            self._hub.observe(self)
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._hub.unobserve(self)
