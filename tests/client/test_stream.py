"""The promise of a stream: every event once and in order, every item's pieces joined exactly."""

from __future__ import annotations

import gc

import pytest
import trio

from jelmored.client import (
    CaughtUp,
    Client,
    ConnectionLost,
    Disconnected,
    Finder,
    ItemVoided,
    Output,
    OutputStream,
    RpcError,
    Session,
    SessionDelta,
    open_client,
)
from jelmored.client import stream as stream_module
from jelmored.domain.events import Event, EventType, System
from jelmored.errors import ErrorKind

from .daemon import FakeDaemon, Turn


async def until(stream: OutputStream, event_type: EventType) -> list[Output]:
    seen: list[Output] = []
    async for output in stream:
        seen.append(output)
        if isinstance(output, Event) and output.event_type is event_type:
            break
    return seen


def numbers(outputs: list[Output]) -> list[int]:
    return [output.seq for output in outputs if isinstance(output, Event)]


def text(outputs: list[Output]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, SessionDelta))


async def test_a_new_sessions_stream_begins_at_its_start(client: Client) -> None:
    session = await client.create_session("/w", "hi")
    seen = await until(session.stream_output(), EventType.TURN_ENDED)
    assert numbers(seen) == list(range(1, 7))
    assert text(seen) in {"Hello, world.", ""}  # the turn may have been over before we subscribed


async def test_the_next_stream_goes_on_where_the_last_one_was_left(client: Client) -> None:
    session = await client.create_session("/w", "hi")
    first = await until(session.stream_output(), EventType.ASSISTANT)
    second = await until(session.stream_output(), EventType.TURN_ENDED)
    assert numbers(first) + numbers(second) == list(range(1, 7))


async def test_a_stream_from_now_on_gives_nothing_old(client: Client, daemon: FakeDaemon) -> None:
    old = daemon.add()
    old.tell("system", "before", {"subtype": "x"})
    session = await client.session(old.id)
    stream = session.stream_output("now")
    caught_up = await anext(stream)
    assert isinstance(caught_up, CaughtUp)
    assert caught_up.head == 1
    old.tell("system", "after", {"subtype": "x"})
    assert numbers([await anext(stream)]) == [2]


async def test_neither_gap_nor_repeat_over_broken_connections(client: Client, daemon: FakeDaemon) -> None:
    async def script(turn: Turn) -> None:
        for number in range(6):
            await turn.says(f"{number}: ", "a long ", "answer", ".")
            if number % 2:
                await daemon.cut()
        await turn.ends()

    daemon.script = script
    session = await client.create_session("/w", "go")
    seen = await until(session.stream_output("start"), EventType.TURN_ENDED)
    assert numbers(seen) == list(range(1, 6 + 6))
    assert any(isinstance(output, ConnectionLost) for output in seen)
    assert daemon.connections > 1


async def test_an_item_goes_on_exactly_where_the_connection_was_cut(client: Client, daemon: FakeDaemon) -> None:
    read = trio.Event()

    async def script(turn: Turn) -> None:
        turn.session.delta("itm_1", "Grüße ")
        await read.wait()
        await daemon.cut()
        turn.session.delta("itm_1", "an ")
        await trio.sleep(0.2)
        turn.session.delta("itm_1", "alle 🎈")
        turn.session.tell("assistant", "Grüße an alle 🎈", {"itemId": "itm_1"})
        await turn.ends()

    daemon.script = script
    session = await client.create_session("/w", "go")
    stream = session.stream_output()
    seen: list[Output] = []
    while not text(seen):
        seen.append(await anext(stream))
    read.set()
    seen += await until(stream, EventType.TURN_ENDED)
    assert text(seen) == "Grüße an alle 🎈"
    assert [output.offset for output in seen if isinstance(output, SessionDelta)] == [0, 6, 9]


async def test_an_item_that_was_given_up_meanwhile_is_voided(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    session = await client.session(fake.id)
    stream = session.stream_output("now")
    await anext(stream)
    fake.delta("itm_1", "half an ans")
    assert isinstance(await anext(stream), SessionDelta)
    fake.open_items.clear()
    await daemon.cut()
    assert isinstance(await anext(stream), ConnectionLost)
    assert await anext(stream) == ItemVoided(session_id=session.id, item_id="itm_1", reason="lost")  # type: ignore[arg-type]


async def test_a_slow_consumer_misses_nothing_and_keeps_little(
    client: Client, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "ROOM", 8)
    fake = daemon.add()
    session = await client.session(fake.id)
    stream = session.stream_output("start")
    await anext(stream)
    for number in range(100):
        fake.tell("system", str(number), {"subtype": "x"})
    await client.ping()  # all of it has arrived
    assert len(stream._waiting) == 8
    seen = [await anext(stream)]
    while numbers(seen)[-1] < 100:
        seen.append(await anext(stream))
    assert numbers(seen) == list(range(1, 101))


async def test_two_streams_of_a_session_do_not_disturb_each_other(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    for number in range(20):
        fake.tell("system", str(number), {"subtype": "x"})
    session = await client.session(fake.id)
    old, new = session.stream_output("start"), session.stream_output("now")
    seen = [await anext(old)]
    assert isinstance(await anext(new), CaughtUp)
    fake.tell("system", "new", {"subtype": "x"})
    while numbers(seen)[-1:] != [21]:
        seen.append(await anext(old))
    assert numbers(seen) == list(range(1, 22))
    assert numbers([await anext(new)]) == [21]


async def test_it_ends_with_the_session(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    session = await client.session(fake.id)
    stream = session.stream_output("start")
    await anext(stream)
    fake.status("terminated")
    assert [numbers([output]) async for output in stream] == [[1]]
    again = (await client.session(fake.id)).stream_output("start")
    assert numbers([output async for output in again]) == [1]


async def test_it_ends_when_the_session_is_deleted(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    stream = (await client.session(fake.id)).stream_output("now")
    await anext(stream)
    daemon.publish(fake.id, "session/removed", {"sessionId": fake.id})
    assert [output async for output in stream] == []


async def test_a_rebuilt_log_is_told_of(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    stream = (await client.session(fake.id)).stream_output("now")
    await anext(stream)
    fake.view["logId"] = "log_2"
    await daemon.cut()
    assert isinstance(await anext(stream), ConnectionLost)
    with pytest.raises(RpcError) as expired:
        await anext(stream)
    assert expired.value.kind == ErrorKind.CURSOR_EXPIRED


async def test_a_daemon_that_stays_away_is_given_up(finder: Finder, daemon: FakeDaemon) -> None:
    async with open_client(finder=finder, reconnect_seconds=0.2) as client:
        session = await client.session(daemon.add().id)
        stream = session.stream_output("now")
        await anext(stream)
        daemon.stopped.set()
        with trio.fail_after(30):
            assert isinstance(await anext(stream), ConnectionLost)
            with pytest.raises(Exception, match="can't be reached"):
                await anext(stream)
            with pytest.raises(Exception, match="can't be reached"):
                await client.ping()


async def test_an_event_of_a_kind_from_the_future_keeps_its_place(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    stream = (await client.session(fake.id)).stream_output("now")
    await anext(stream)
    fake.tell("telepathy", "what it says", {"waves": [1, 2]})
    event = await anext(stream)
    assert isinstance(event, Event)
    assert isinstance(event.metadata, System)
    assert (event.event_type, event.content, event.metadata.subtype) == (EventType.SYSTEM, "what it says", "unread")
    assert event.metadata.raw["metadata"] == {"waves": [1, 2]}


async def test_the_handle_knows_how_the_session_is(client: Client, daemon: FakeDaemon) -> None:
    fake = daemon.add()
    session = await client.session(fake.id)
    stream = session.stream_output("now")
    await anext(stream)
    fake.status("active")
    await anext(stream)
    await client.ping()
    assert session.view.status == "active"


async def test_a_stream_that_nobody_holds_is_forgotten(client: Client, daemon: FakeDaemon) -> None:
    session: Session = await client.session(daemon.add().id)
    stream = session.stream_output("now")
    await anext(stream)
    hearing = client._link.hearing
    assert len(hearing._listeners[session.id]) == 1
    del stream
    gc.collect()
    assert len(hearing._listeners[session.id]) == 0


async def test_the_daemon_learns_when_the_last_stream_is_closed(client: Client, daemon: FakeDaemon) -> None:
    session = await client.session(daemon.add().id)
    one, other = session.stream_output("now"), session.stream_output("now")
    await anext(one)
    await anext(other)
    [peer] = daemon.peers
    await one.aclose()
    assert peer.subscribed == {session.id}
    await other.aclose()
    assert peer.subscribed == set()


async def test_what_counts_once_is_asked_again_over_a_break(client: Client, daemon: FakeDaemon) -> None:
    daemon.breaks_at.add("session/create")
    await client.create_session("/w")
    asked = [request["params"] for request in daemon.asked if request["method"] == "session/create"]
    assert len(daemon.sessions) == 1
    assert asked[0] == asked[1]


async def test_what_might_count_twice_is_not_asked_again(client: Client, daemon: FakeDaemon) -> None:
    session = await client.session(daemon.add().id)
    daemon.breaks_at.add("session/interrupt")
    with pytest.raises(Disconnected):
        await session.interrupt()
