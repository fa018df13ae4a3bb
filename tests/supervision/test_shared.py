"""What all runs share: kept alive, and started again when it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from jelmored.domain.failures import Failure
from jelmored.supervision.shared import Shared


@attrs.define
class Server:
    """It falls when a test wants it to."""

    starts: int = 0
    stops: int = 0
    falls_after: float | None = None
    told: list[Failure | None] = attrs.field(factory=list)

    async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
        self.starts += 1
        await trio.sleep(1)
        task_status.started()
        try:
            await trio.sleep(3600 if self.falls_after is None else self.falls_after)
            raise OSError("no server")
        finally:
            self.stops += 1

    @property
    def reasons(self) -> list[str | None]:
        return [None if told is None else told.message for told in self.told]


@asynccontextmanager
async def kept(server: Server) -> AsyncIterator[Shared]:
    shared = Shared("opencode", server.run, server.told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shared.run)
        await trio.sleep(2)
        yield shared
        nursery.cancel_scope.cancel()


async def test_it_tells_when_it_has_fallen_and_when_it_is_there_again(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(falls_after=100)
    async with kept(server):
        await trio.sleep(105)
        assert server.reasons == [None, "opencode has fallen, and is started again: no server", None]


async def test_past_the_limit_it_rests_and_begins_anew(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(falls_after=0)
    async with kept(server):
        await trio.sleep(45)
        starts = server.starts
        assert "keeps falling" in str(server.reasons[-1])
        await trio.sleep(60)
        assert server.starts > starts


async def test_a_restart_stops_it_and_returns_when_it_is_up(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()
    async with kept(server) as shared:
        for times in (1, 2):
            await shared.restart()
            assert (server.starts, server.stops) == (times + 1, times)
        assert server.reasons == [None, None, None]


async def test_a_restart_ends_the_rest_of_one_that_fell_too_often(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(falls_after=0)
    async with kept(server) as shared:
        await trio.sleep(45)
        server.falls_after = None
        with trio.fail_after(2):
            await shared.restart()
        assert server.told[-1] is None
