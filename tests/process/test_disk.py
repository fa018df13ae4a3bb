"""A disk that does not answer."""

from __future__ import annotations

import threading

import trio

from jelmored.process.disk import LOOKERS, in_thread


async def test_who_waits_for_one_directory_is_in_nobody_else_s_way() -> None:
    over = threading.Event()
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(LOOKERS + 50):  # more than all threads that Trio has by default
                nursery.start_soon(in_thread, over.wait, "/dead")
            await trio.sleep(0.05)
            with trio.fail_after(5):
                assert await in_thread(lambda: "there", "/alive") == "there"
                assert await trio.to_thread.run_sync(lambda: "there") == "there"
            nursery.cancel_scope.cancel()
    finally:
        over.set()
