from __future__ import annotations

import json

import pytest

from jelmored.client import Client, RpcError
from jelmored.client.carrying import carry_in, lines_of
from jelmored.domain.events import Event, EventType
from jelmored.domain.status import Status

from .daemon import FakeDaemon


async def test_a_session_is_suspended_and_resumed_by_its_id_or_its_state(client: Client, daemon: FakeDaemon) -> None:
    session = await client.create_session("/w", name="job")
    state = await session.suspend()
    assert (await session.refresh()).status is Status.SUSPENDED
    assert await session.suspend() == state
    assert (await session.resume()).status is Status.IDLE
    other = await client.resume(state, provider="demo")
    assert (other.view.provider, other.id != session.id) == ("demo", True)
    with pytest.raises(RpcError) as no:
        await client.resume({**state, "digest": "other"})
    assert (no.value.kind, no.value.data["field"]) == ("state-invalid", "state.digest")


async def test_all_of_it_goes_and_comes_also_what_this_client_does_not_know(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add(1, name="job")
    for number in range(3):
        fake.tell("assistant", "\x1b[2J", {"itemId": f"i{number}", "of_tomorrow": [number]})
    lines = [line async for line in lines_of(await client.session(fake.id))]
    assert all("\x1b" not in line and line.endswith("\n") for line in lines)
    assert [json.loads(line) for line in lines[1:]] == fake.events
    taken = await carry_in(client, (line.encode() for line in lines), "the export")
    assert daemon.sessions[taken.id].events == fake.events


async def test_events_that_come_meanwhile_are_not_in_an_export(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add(1)
    fake.tell("assistant", "before", {"itemId": "i1"})
    lines = lines_of(await client.session(fake.id))
    await anext(lines)
    fake.tell("assistant", "after", {"itemId": "i2"})
    assert [json.loads(line)["content"] async for line in lines] == ["before"]


async def test_a_session_that_was_closed_once_is_shown_to_its_end(client: Client, daemon: FakeDaemon) -> None:
    """What is replayed of a former end is not the end of the stream."""
    fake = daemon.add(1)
    for status in ("terminated", "idle"):
        fake.status(status)
    fake.tell("assistant", "goes on", {"itemId": "i"})
    handle = await client.session(fake.id)
    seen: list[str] = []
    async for output in handle.stream_output("start"):
        if isinstance(output, Event):
            seen.append(output.content)
            if output.event_type is EventType.ASSISTANT:
                fake.status("terminated")
    assert seen == ["idle → terminated", "terminated → idle", "goes on", "idle → terminated"]
