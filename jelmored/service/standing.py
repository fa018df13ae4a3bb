"""How the daemon stands, in the line that `systemctl status` shows; and while turns are let end, the time for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import attrs
import trio

from jelmored.domain.status import IN_TURN, Status

from .manager import Manager

LOOK_SECONDS = 5.0
"""Between two looks: nobody watches that line."""


class Draining(Protocol):
    @property
    def under_way(self) -> bool: ...


class Sessions(Protocol):
    """As much of the directory as is told."""

    def counts(self) -> Mapping[Status, int]: ...

    @property
    def draining(self) -> Draining: ...


@attrs.define(eq=False)
class Standing:
    """Keeps the manager's line true.

    Args:
        manager: told only what has changed.
        sessions: all of them.
        grace: seconds that the rest of a stop may take once no turn is waited for any more.
    """

    manager: Manager
    sessions: Sessions
    grace: float
    _stopping: bool = attrs.field(default=False, init=False)
    _said: str = attrs.field(default="", init=False)

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        task_status.started()
        while self.manager.is_there:
            self._look()
            await trio.sleep(LOOK_SECONDS)
        await trio.sleep_forever()

    def stopping(self) -> None:
        """From now on only turns in hand are waited for, if at all; how long is not the manager's affair but ours."""
        self._stopping = True
        self.manager.stopping(self._patience)
        self._said = ""

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """While the configuration is read anew; once we stop, nobody waits for that."""
        if not self._stopping:
            self.manager.reloading()
        try:
            yield
        finally:
            if not self._stopping:
                self.manager.ready()

    def _look(self) -> None:
        if self._stopping:
            self.manager.extend(self._patience)
        words = line(self.sessions.counts(), draining=self.sessions.draining.under_way, stopping=self._stopping)
        if words != self._said:
            self.manager.status(words)
            self._said = words

    @property
    def _patience(self) -> float:
        """Until the next word of ours, and then some: a machine may be slow."""
        return 2 * LOOK_SECONDS + self.grace


def line(counts: Mapping[Status, int], *, draining: bool = False, stopping: bool = False) -> str:
    """`7 sessions, 2 at work, 1 waits for an answer`, and what is special now."""
    there = sum(number for status, number in counts.items() if status is not Status.TERMINATED)
    work = sum(counts.get(status, 0) for status in IN_TURN)
    waits = counts.get(Status.WAITING_INPUT, 0)
    told = [f"{there} session{'' if there == 1 else 's'}", f"{work} at work"]
    if waits:
        told.append(f"{waits} wait{'s' if waits == 1 else ''} for an answer")
    if stopping:
        told.append("stopping: turns in hand are let end" if work else "stopping")
    elif draining:
        told.append("draining: no turns begin")
    return ", ".join(told)
