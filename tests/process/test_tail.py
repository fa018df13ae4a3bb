from __future__ import annotations

import os

import structlog.testing
import trio
import trio.testing

from jelmored.process.outlet import Outlet
from jelmored.process.tail import KEPT, LOGGED, Tail


class Speech:
    def __init__(self) -> None:
        read, self.end = os.pipe()
        self.outlet = Outlet(trio.lowlevel.FdStream(read))
        self.tail = Tail("x")

    async def say(self, text: bytes) -> None:
        os.write(self.end, text)
        await trio.testing.wait_all_tasks_blocked()


async def test_the_last_is_kept_and_one_line_a_second_is_logged(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    speech = Speech()
    nursery.start_soon(speech.tail.follow, speech.outlet)
    await trio.testing.wait_all_tasks_blocked()
    with structlog.testing.capture_logs() as logged:
        await speech.say(b"first")
        await speech.say(b"second")
        await speech.say(b"x" * 5000)
        mock_clock.jump(1)
        await speech.say(b"last\xff")
    os.close(speech.end)
    assert [(entry["text"], entry["left_out"]) for entry in logged] == [
        ("first", 0),
        ("last\N{REPLACEMENT CHARACTER}", 5006),
    ]
    assert {entry["log_level"] for entry in logged} == {"debug"}
    assert str(speech.tail) == "firstsecond" + "x" * 5000 + "last\N{REPLACEMENT CHARACTER}"


async def test_neither_is_more_than_its_bound(nursery: trio.Nursery) -> None:
    speech = Speech()
    with structlog.testing.capture_logs() as logged:
        nursery.start_soon(speech.tail.follow, speech.outlet)
        await speech.say(b"a" * 60_000)
        await speech.say(b"b" * 60_000)
    os.close(speech.end)
    assert str(speech.tail) == "a" * (KEPT - 60_000) + "b" * 60_000
    assert [len(entry["text"]) for entry in logged] == [LOGGED]
