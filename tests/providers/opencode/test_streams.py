"""One stream for the runs of a directory: what they hear, what they miss, and when the directory is let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from jelmored.errors import ErrorKind, ProviderError
from jelmored.providers.opencode import streams
from jelmored.providers.opencode.messages import Connected, ServerEvent, StatusChanged
from jelmored.providers.opencode.streams import Directories, Feed
from tests.eventually import eventually

from .fake import FakeServer, serving


def _status(session_id: str, kind: str = "busy") -> dict[str, Any]:
    return {"type": "session.status", "properties": {"sessionID": session_id, "status": {"type": kind}}}


@asynccontextmanager
async def _directories(*, ours: bool = True) -> AsyncIterator[tuple[FakeServer, Directories]]:
    async with serving() as (server, client), trio.open_nursery() as nursery:
        directories = Directories(client, ours=ours)
        await nursery.start(directories.run)
        yield server, directories
        nursery.cancel_scope.cancel()


async def _heard(feed: Feed) -> list[str]:
    """The sessions of what comes next."""
    found: list[ServerEvent] = []
    while not any(isinstance(event, StatusChanged) for event in found):
        with trio.fail_after(5):
            found.extend(await feed.take() or ())
    return [event.session_id for event in found if isinstance(event, StatusChanged)]


async def test_the_runs_of_a_directory_share_its_stream_and_hear_no_other() -> None:
    async with (
        _directories() as (server, directories),
        directories.lease("/a") as one,
        directories.lease("/a") as two,
        directories.lease("/b") as other,
    ):
        await server.tell("/a", _status("ses_1"))
        await server.tell("/b", _status("ses_2"))

        assert (await _heard(one), await _heard(two), await _heard(other)) == (["ses_1"], ["ses_1"], ["ses_2"])
        assert server.lines() == ["GET /event", "GET /event"]


async def test_a_stream_that_broke_is_opened_again_and_its_runs_are_told_that_they_missed_something() -> None:
    async with _directories() as (server, directories), directories.lease("/a") as feed:
        assert await feed.take() == [Connected()]
        await server.cut()

        with trio.fail_after(5):
            assert await feed.take() is None
        await server.tell("/a", _status("ses_1"))
        assert await _heard(feed) == ["ses_1"]


async def test_a_stream_that_does_not_come_again_ends_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSES", (0.01, 0.01))
    async with _directories() as (server, directories), directories.lease("/a") as feed:
        await feed.take()
        server.password = "another"
        await server.cut()

        with trio.fail_after(5), pytest.raises(ProviderError) as caught:
            await feed.take()
        assert caught.value.kind is ErrorKind.AUTH_REQUIRED


async def test_the_servers_end_is_told_to_who_listens() -> None:
    async with serving() as (_, client), trio.open_nursery() as nursery:
        directories = Directories(client, ours=True)
        scope = await nursery.start(_running, directories)
        async with directories.lease("/a") as feed:
            await feed.take()
            scope.cancel()
            with trio.fail_after(5), pytest.raises(ProviderError) as caught:
                await feed.take()

        assert caught.value.kind is ErrorKind.AGENT_CRASHED
        with pytest.raises(ProviderError):
            async with directories.lease("/a"):
                pass


async def _running(directories: Directories, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(directories.run)
            task_status.started(scope)


@pytest.mark.parametrize("ours", [True, False])
async def test_a_directory_of_our_own_server_is_let_go_when_its_last_run_has_ended(
    monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    monkeypatch.setattr(streams, "UNUSED", 0.05)
    async with _directories(ours=ours) as (server, directories):
        async with directories.lease("/a"):
            async with directories.lease("/a"):
                pass
            await trio.sleep(0.2)
            assert "POST /instance/dispose" not in server.lines(), "a run is left"
        await trio.sleep(0.3)
        assert server.lines().count("POST /instance/dispose") == ours
        async with directories.lease("/a") as again:
            await server.tell("/a", _status("ses_1"))
            assert await _heard(again) == ["ses_1"]


async def test_who_does_not_listen_holds_no_more_than_a_bound_and_is_told_to_look() -> None:
    feed = Feed()
    for _ in range(3):
        feed.put([Connected()], streams.WAITING // 2)

    assert await feed.take() is None
    feed.put([Connected()], 10)
    assert await feed.take() == [Connected()]


async def test_what_was_heard_before_the_end_is_still_told() -> None:
    feed = Feed()
    feed.put([Connected()], 10)
    feed.end(ProviderError(ErrorKind.UNAVAILABLE, "gone"))

    assert await feed.take() == [Connected()]
    with pytest.raises(ProviderError, match="gone"):
        await feed.take()


async def test_a_lease_waits_for_the_stream() -> None:
    async with _directories() as (server, directories), directories.lease("/a"):
        assert await eventually(lambda: server.lines() == ["GET /event"], 1)
