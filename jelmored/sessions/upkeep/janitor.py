"""Ends sessions that nobody has used for long, and takes those off the disk that have been ended for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
import trio

from jelmored.domain.sessions import SessionView
from jelmored.domain.times import utc_now
from jelmored.errors import JournalError

log = structlog.get_logger(__name__)


class Sessions(Protocol):
    """`sweeping.py` has it."""

    async def expire(self, before: datetime) -> int:
        """End those that have been idle since before; how many."""

    async def clean_up(self, before: datetime) -> tuple[SessionView, ...]:
        """Remove those that were terminated before; which."""


class Janitor:
    """Looks now and then.

    Args:
        sessions: of the daemon.
        every: seconds between two looks.
        expire_after: seconds idle until a session is terminated; 0: never.
        retention_days: that a terminated session is kept; 0: for ever.
        now: the wall clock.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        every: float,
        expire_after: float,
        retention_days: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sessions = sessions
        self._now = now
        self._told = trio.Event()
        self.heed(every=every, expire_after=expire_after, retention_days=retention_days)

    def heed(self, *, every: float, expire_after: float, retention_days: float) -> None:
        """From now on these count; the next look is so long from now."""
        self.every = every
        self.expire_after = timedelta(seconds=expire_after)
        self.retention = timedelta(days=retention_days)
        self._told.set()
        self._told = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. What fails is tried again at the next look."""
        task_status.started()
        while True:
            with trio.move_on_after(self.every):
                await self._told.wait()
                continue
            try:
                await self._tidy()
            except JournalError as error:
                log.warning("sessions are not tidied up", error=error.message)

    async def _tidy(self) -> None:
        expired = await self._sessions.expire(self._now() - self.expire_after) if self.expire_after else 0
        removed = await self._sessions.clean_up(self._now() - self.retention) if self.retention else ()
        if expired or removed:
            log.info("tidied up", expired=expired, removed=len(removed))
