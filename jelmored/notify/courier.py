"""Carries notices one way. Whoever has one never waits: past a bound the oldest is dropped, told and counted."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import structlog
import trio
from trio.lowlevel import ParkingLot

from jelmored.actors.running import grace, running

from .notices import Notice

log = structlog.get_logger(__name__)

ROOM = 32  # notices: more are old news by the time they are told
LAST_WORDS = 2.0  # seconds, when the daemon stops, for what waits


class Way(Protocol):
    """One way to tell a person."""

    @property
    def name(self) -> str:
        """For the log."""

    async def tell(self, notice: Notice) -> None:
        """Ends within a time of its own. What goes wrong outside is its own matter: it is logged, not raised."""


class Courier:
    """Notices that wait for one way, and whoever tells them.

    Args:
        way: where they go, one after the other; None: nobody is told this way now.
        name: of the way.
    """

    def __init__(self, way: Way | None, name: str = "") -> None:
        self.name = way.name if way else name
        self.dropped = 0
        """Notices that nobody was told."""
        self.way = way
        self._waiting: deque[Notice] = deque()
        self._at_work = False
        self._busy = False
        self._changed = ParkingLot()

    def take(self, notice: Notice) -> None:
        """Tell it when those before it are told."""
        if self.way is None:
            return
        if len(self._waiting) == ROOM:
            self._drop(self._waiting.popleft())
        self._waiting.append(notice)
        self._changed.unpark_all()

    def _drop(self, notice: Notice) -> None:
        self.dropped += 1
        log.warning(
            "notice dropped", way=self.name, session=notice.session_id, notice=notice.event, dropped=self.dropped
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; what waits then has 2 s."""
        async with running(self._carry):
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                with grace(LAST_WORDS):
                    await self._all_told()

    async def _carry(self, *, task_status: trio.TaskStatus[object]) -> None:
        self._at_work = True
        task_status.started()
        try:
            while True:
                while not self._waiting:
                    await self._changed.park()
                await self._tell(self._waiting.popleft())
        finally:
            self._at_work = False

    async def _tell(self, notice: Notice) -> None:
        self._busy = True
        try:
            if self.way is not None:
                await self.way.tell(notice)
        finally:
            self._busy = False
            self._changed.unpark_all()

    async def _all_told(self) -> None:
        while self._at_work and (self._waiting or self._busy):
            await self._changed.park()
