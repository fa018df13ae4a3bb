"""Work that only computes: at once where it is short, in a thread where it would hold up all that is done meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

SHORT = 64 * 1024  # bytes to work on: about a millisecond


async def computed(size: int, work: Callable[[], T]) -> T:
    """What `work` returns or raises; `size` is of what it works on, in bytes."""
    if size <= SHORT:
        return work()
    return await trio.to_thread.run_sync(work)
