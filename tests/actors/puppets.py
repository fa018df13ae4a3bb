"""Children that are told how to live and when to fall, and remember when they were started."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs
import trio

from jelmored.actors.running import grace


class End(enum.Enum):
    CRASH = "crash"
    RETURN = "return"


@attrs.frozen
class Life:
    """One incarnation: up after `start` seconds, over `lived` seconds later. With `up` false it never gets up."""

    lived: float
    end: End = End.CRASH
    start: float = 0
    up: bool = True


class Fell(Exception):
    """What puppets crash with."""


class Puppet:
    """Lives its lives one after the other, and then for ever."""

    def __init__(self, *lives: Life, clean_up: float = 0, log: list[str] | None = None, name: str = "puppet") -> None:
        self.lives: Sequence[Life] = lives
        self.starts: list[float] = []
        self.alive = 0
        self.most_alive = 0
        self._clean_up = clean_up
        self._log = [] if log is None else log
        self._name = name

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        number = len(self.starts)
        self.starts.append(trio.current_time())
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)
        try:
            if number < len(self.lives):
                await self._live(self.lives[number], task_status)
            else:
                self._up(task_status)
                await trio.sleep_forever()
        finally:
            with grace(self._clean_up + 1):
                await trio.sleep(self._clean_up)
                self._log.append(f"{self._name} down")
            self.alive -= 1

    async def _live(self, life: Life, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(life.start)
        if life.up:
            self._up(task_status)
        await trio.sleep(life.lived)
        if life.end is End.CRASH:
            raise Fell

    def _up(self, task_status: trio.TaskStatus[None]) -> None:
        self._log.append(f"{self._name} up")
        task_status.started()
