from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from jelmored.process.outlet import Outlet


class Pipe:
    def __init__(self) -> None:
        read, self.end = os.pipe()
        self.outlet = Outlet(trio.lowlevel.FdStream(read))


@pytest.fixture
async def pipe() -> AsyncIterator[Pipe]:
    made = Pipe()
    yield made
    made.outlet.close()


async def test_to_the_end(pipe: Pipe) -> None:
    os.write(pipe.end, b"all")
    os.close(pipe.end)
    assert [await pipe.outlet.read(), await pipe.outlet.read(), await pipe.outlet.read()] == [b"all", b"", b""]


async def test_what_stands_in_it_is_read_after_it_was_closed(pipe: Pipe) -> None:
    os.write(pipe.end, b"r" * 65536)
    pipe.outlet.close()
    pipe.outlet.close()
    assert [await pipe.outlet.read(), await pipe.outlet.read()] == [b"r" * 65536, b""]
    os.close(pipe.end)


async def test_closing_it_wakes_the_reader(pipe: Pipe, nursery: trio.Nursery) -> None:
    heard: list[bytes] = []

    async def read() -> None:
        heard.append(await pipe.outlet.read())

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    pipe.outlet.close()
    await trio.testing.wait_all_tasks_blocked()
    assert heard == [b""]
    os.close(pipe.end)


async def test_only_a_waiting_reader_is_waited_for(pipe: Pipe, nursery: trio.Nursery) -> None:
    await pipe.outlet.settle()
    nursery.start_soon(pipe.outlet.read)
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(0.02) as impatient:
        await pipe.outlet.settle()
    assert impatient.cancelled_caught
    os.close(pipe.end)
    await pipe.outlet.settle()
