"""Waiting for what nobody announces: a process of others, a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")
EVERY = 0.02


async def eventually(look: Callable[[], T], seconds: float, otherwise: Callable[[], object] = lambda: "") -> T:
    """The first truthy thing that a look finds; fails with what `otherwise` says when the seconds are over."""
    with trio.move_on_after(seconds):
        while not (found := look()):  # noqa: ASYNC110  nobody sets an event for us
            await trio.sleep(EVERY)
        return found
    raise AssertionError(f"not within {seconds} s; {otherwise()}")
