"""When our answers reach the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, PermissionRequest, ToolKind, Verdict
from jelmored.providers.base import Asked, Withdrawn
from jelmored.providers.opencode.asks import Asks

from .fake import FakeServer, serving

ONE, TWO = RequestId("per_1"), RequestId("per_2")
ALLOW, DENY = Answer(verdict=Verdict.ALLOW), Answer(verdict=Verdict.DENY, message="no")


@asynccontextmanager
async def _asks() -> AsyncIterator[tuple[Asks, FakeServer]]:
    async with serving() as (server, client):
        asks = Asks(client, "/w")
        asks.note([
            Asked(PermissionRequest(request_id=name, tool_name="bash", kind=ToolKind.EXECUTE, title="", input={}))
            for name in (ONE, TWO)
        ])
        yield asks, server


def _told(server: FakeServer) -> list[tuple[str, str]]:
    return [(asked.path.split("/")[2], asked.body["reply"]) for asked in server.asked]


async def test_what_is_allowed_goes_on_at_once() -> None:
    async with _asks() as (asks, server):
        await asks.answer(ONE, ALLOW)

        assert _told(server) == [(ONE, "once")]
        assert server.asked[0].query == {"directory": "/w"}


async def test_a_rejection_waits_for_the_answers_to_the_others() -> None:
    async with _asks() as (asks, server):
        await asks.answer(ONE, DENY)
        assert not server.asked
        await asks.answer(TWO, ALLOW)

        assert _told(server) == [(TWO, "once"), (ONE, "reject")]


async def test_a_rejection_waits_for_nothing_that_was_withdrawn() -> None:
    async with _asks() as (asks, server):
        asks.note([Withdrawn(TWO)])
        await asks.answer(ONE, DENY)
        await asks.answer(TWO, ALLOW)

        assert _told(server) == [(ONE, "reject")]


async def test_after_an_abort_nothing_is_said() -> None:
    async with _asks() as (asks, server):
        await asks.answer(ONE, DENY)
        asks.forget()
        await asks.answer(TWO, ALLOW)

        assert not server.asked
