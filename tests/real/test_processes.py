from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from .processes import descendants, marked, until_gone, until_running

MARKER = f"JELMORE_TEST_PROCESSES={os.getpid()}"
NAME, _, VALUE = MARKER.partition("=")


@asynccontextmanager
async def _child(*command: str) -> AsyncIterator[trio.Process]:
    process = await trio.lowlevel.open_process(command, env={"PATH": os.environ["PATH"], NAME: VALUE})
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_marked_process_is_found_and_is_gone_when_it_is_dead() -> None:
    async with _child("sleep", "60") as child:
        found = await until_running(MARKER, "sleep 60")
        assert found.pid == child.pid
        assert found in marked(MARKER)
        child.kill()
        await until_gone(found, 2)  # it is not waited for yet: dead is enough
        assert not marked(MARKER)


async def test_the_children_of_children_are_found() -> None:
    async with _child("sh", "-c", "sh -c 'sleep 61; true'; true") as child:
        sleeper = await until_running(MARKER, "sleep 61")
        family = descendants(child.pid)
        assert sleeper in family
        assert len(family) == 2
        for process in family:
            with contextlib.suppress(ProcessLookupError):  # without its child a shell ends by itself
                os.kill(process.pid, 9)


async def test_a_process_that_does_not_come_is_an_error_that_tells_who_is_there() -> None:
    async with _child(sys.executable, "-c", "import time; time.sleep(60)"):
        with pytest.raises(AssertionError, match=r"time\.sleep"):
            await until_running(MARKER, "sleep 62", seconds=0.5)
