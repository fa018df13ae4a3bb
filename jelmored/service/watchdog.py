"""The watchdog's word: only from a daemon whose loop turns, whose journal's writer answers and whose door opens.

A process that is there but serves nobody is started anew by its service manager, once this is silent for long enough.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping

import attrs
import structlog
import trio

from jelmored.errors import JelmoreError, JournalPaused
from jelmored.journal.base import Journal

from .manager import Manager

TIMES = 3
"""How often it is told within the manager's time: one word may be late, or lost."""
LAG_SECONDS = 1.0
"""So late may the loop be with what is due."""
ANSWER_SECONDS = 10.0
"""So long may a sign of life take."""

Sign = Callable[[], Awaitable[object]]
"""Returns when there is one; raises OSError, JelmoreError or an error of Trio's streams when there is none."""

log = structlog.get_logger(__name__)


@attrs.frozen
class Watchdog:
    """
    Args:
        manager: who is to be told.
        within: seconds in which it wants to hear us; None: it does not, and nothing is looked at.
        signs: of life, by what gives them. All are needed.
    """

    manager: Manager
    within: float | None
    signs: Mapping[str, Sign]

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        task_status.started()
        while self.within is not None:
            due = trio.current_time() + self.within / TIMES
            await trio.sleep_until(due)
            if amiss := await self._amiss(trio.current_time() - due):
                log.error("the watchdog is told nothing", missing=amiss)
            else:
                self.manager.alive()
        await trio.sleep_forever()

    async def _amiss(self, lag: float) -> list[str]:
        if lag >= LAG_SECONDS:
            return [f"the loop is {lag:.1f} s late"]
        missing = dict.fromkeys(self.signs)
        with trio.move_on_after(ANSWER_SECONDS):
            async with trio.open_nursery() as nursery:
                for name in self.signs:
                    nursery.start_soon(self._see, name, missing)
        return list(missing)

    async def _see(self, name: str, missing: dict[str, None]) -> None:
        try:
            await self.signs[name]()
        except (OSError, JelmoreError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            log.warning("no sign of life", of=name, error=str(error))
        else:
            del missing[name]


def writing(journal: Journal) -> Sign:
    """The journal's writer does what it is told: here, nothing. That its disk is full is no death."""

    async def sign() -> None:
        with contextlib.suppress(JournalPaused):
            await journal.append(())

    return sign
