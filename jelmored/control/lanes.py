"""The order of one client's requests: those of one lane one after the other, lanes side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import trio

Job = Callable[[], Awaitable[None]]


class Lanes:
    """It takes every job: whoever fills it bounds it. A job raises nothing.

    Args:
        start: as of a nursery that whoever calls `put` is a task of, so that it is open then.
    """

    def __init__(self, start: Callable[..., Awaitable[object]]) -> None:
        self._start = start
        self._jobs: dict[str, deque[Job]] = {}

    def busy(self, lane: str | None) -> bool:
        return lane in self._jobs

    async def put(self, lane: str | None, job: Job) -> None:
        """Returns when the job has begun, or has its place behind others of its lane: so jobs begin in order."""
        if lane is None:
            await self._start(_begin, job)
        elif lane in self._jobs:
            self._jobs[lane].append(job)
        else:
            self._jobs[lane] = deque([job])
            await self._start(self._drain, lane)

    async def _drain(self, lane: str, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        jobs = self._jobs[lane]
        while jobs:
            await jobs[0]()
            jobs.popleft()
        del self._jobs[lane]


async def _begin(job: Job, *, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await job()
