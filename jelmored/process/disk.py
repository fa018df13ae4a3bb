"""Looks at a disk that may not answer: a dead mount keeps whoever asks about it waiting, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import trio

T = TypeVar("T")
LOOKERS = 4


@lru_cache(maxsize=1024)
def _limiter(_: str) -> trio.CapacityLimiter:
    """Of one directory: threads that hang there are not missed where another one is looked at."""
    return trio.CapacityLimiter(LOOKERS)


async def in_thread(look: Callable[[], T], about: str) -> T:
    """What `look` returns.

    Args:
        look: may block.
        about: the directory that it looks at.
    """
    return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=_limiter(about))
