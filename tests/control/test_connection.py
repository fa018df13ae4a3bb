"""How a connection lives and ends: sizes, pings, close codes (protocol 1, sections 2, 4 and 6)."""

from __future__ import annotations

import json

import pytest
import trio
from structlog.testing import capture_logs

from jelmored.control import connection, stream
from tests.client_raw import connect
from tests.eventually import eventually

from .stage import staged
from .wire import BINARY, CLOSE, HELLO, PING, PONG, TEXT, frame, request, upgraded

MAX = 16 * 1024 * 1024


def ping_of(size: int, letter: str = "x") -> bytes:
    """A request of so many bytes."""
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"pad": ""}}, ensure_ascii=False)
    room = size - len(message.encode())
    width = len(letter.encode())
    return message.replace('""', f'"{letter * (room // width)}{"x" * (room % width)}"').encode()


@pytest.mark.parametrize("letter", ["x", "ä", "€", "𝄞"])
async def test_the_largest_message_counted_in_bytes(letter: str) -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        largest = ping_of(MAX, letter)
        assert len(largest) == MAX
        await wire.send(frame(TEXT, largest))
        assert (await wire.message())["result"] == {}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_in_vain, wire.stream, frame(TEXT, ping_of(MAX + 1, letter)))
            assert await wire.close_code() == 1009
            nursery.cancel_scope.cancel()


async def _send_in_vain(stream: trio.SocketStream, data: bytes) -> None:
    try:
        await stream.send_all(data)
    except trio.BrokenResourceError:
        return


async def test_a_message_in_pieces() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        message = ping_of(300_000)
        pieces = [message[at : at + 1000] for at in range(0, len(message), 1000)]
        for number, piece in enumerate(pieces):
            await wire.send(frame(0 if number else TEXT, piece, final=number == len(pieces) - 1))
        assert (await wire.message())["result"] == {}


async def test_binary_frames_are_ignored_and_counted_whatever_is_in_them() -> None:
    with capture_logs() as lines:
        async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
            for _ in range(10):
                await wire.send(frame(BINARY, request("daemon/shutdown")))
            await wire.send(request("ping"))
            assert (await wire.message())["result"] == {}
            assert not stage.shutdowns.asked
    assert [line["ignored_frames"] for line in lines if line["event"] == "connection closed"] == [10]


@pytest.mark.parametrize(("payload", "code"), [(b"", 1005), (b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000)])
async def test_a_client_says_goodbye(payload: bytes, code: int) -> None:
    async with staged() as stage:
        async with await upgraded(stage.socket, hello=True) as wire:
            await wire.send(frame(CLOSE, payload))
            opcode, answer = await wire.frame()
            assert (opcode, answer[:2]) == (CLOSE, payload[:2])
            assert await wire.stream.receive_some() == b""
        await eventually(lambda: stage.connections.count == 0, 5)
        assert not stage.connections.failures


async def test_pings_and_who_answers_them(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        start = trio.current_time()
        for number in range(1, 4):
            opcode, payload = await wire.frame(60)
            assert opcode == PING
            assert trio.current_time() - start == pytest.approx(number * connection.PING_SECONDS, abs=1)
            await wire.send(frame(PONG, payload))
        assert stage.connections.count == 1


async def test_who_answers_no_ping_is_gone(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        start = trio.current_time()
        assert await wire.close_code(100) == 4008
        patience = connection.PING_SECONDS + connection.PONG_SECONDS
        assert trio.current_time() - start == pytest.approx(patience, abs=1)


async def test_who_is_busy_sending_answers_its_pings_later(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        slow = frame(TEXT, ping_of(100))
        for part in range(10):
            await wire.send(slow[part : part + 1])
            await trio.sleep(connection.PONG_SECONDS / 2)
        await wire.send(slow[10:])
        kinds = [await wire.frame() for _ in range(3)]
        assert TEXT in [opcode for opcode, _ in kinds] or (await wire.message())["result"] == {}


async def test_a_client_that_reads_nothing_is_closed_and_costs_nobody_else(autojump_clock: trio.abc.Clock) -> None:
    """Its session goes on, another client sees all of it, and it learns why once it reads on."""
    async with staged() as stage, connect(stage.socket) as other:
        session = stage.directory.open()
        watch = await other.subscribe(session.id)
        async with await upgraded(stage.socket, hello=True) as slow:
            await slow.send(request("session/subscribe", sessionId=session.id, after="start"))
            await eventually(lambda: len(session.feed.subscribers) == 2, 5)
            start = trio.current_time()
            for _ in range(100):
                await session.say(*["x" * 1000] * 20)
                await trio.sleep(0.01)
            assert trio.current_time() - start < 3, "publishing waits for nobody"
            await watch.event("assistant", after=1999)
            assert [event["seq"] for event in watch.events] == list(range(1, 2001))
            await eventually(lambda: stage.connections.count == 1, 30)
            assert trio.current_time() - start == pytest.approx(stream.WRITE_SECONDS, abs=3)
            seqs = [1]
            with trio.fail_after(10):
                while (got := await slow.frame())[0] != CLOSE:
                    message = json.loads(got[1])
                    seqs += [message["params"]["seq"]] if message.get("method") == "session/event" else []
            assert int.from_bytes(got[1][:2], "big") == 4008
            assert seqs[1:] == list(range(1, len(seqs)))
        assert await other.request("ping") == {}


async def test_a_client_that_lags_catches_up_and_sees_every_event_once(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await upgraded(stage.socket) as wire:
        session = stage.directory.open()
        await wire.send(request("initialize", **HELLO) + request("session/subscribe", sessionId=session.id))
        for _ in range(300):
            await session.say(*["x" * 500] * 10)
        seqs: list[int] = []
        caught_up: list[int] = []
        with trio.fail_after(30):
            while seqs[-1:] != [3000] or caught_up[-1:] != [3000]:
                message = await wire.message()
                if message.get("method") == "session/event":
                    seqs.append(message["params"]["seq"])
                elif message.get("method") == "session/caughtUp":
                    caught_up.append(message["params"]["head"])
        assert seqs == list(range(seqs[0], 3001))
        await session.say("live again")
        assert (await wire.message())["params"]["seq"] == 3001


async def test_one_who_asks_and_never_reads_is_held_up_then_closed(autojump_clock: trio.abc.Clock) -> None:
    """Replies are never dropped, so it is the asking that waits; memory stays bounded."""
    async with staged() as stage, connect(stage.socket) as other:
        session = stage.directory.open()
        await session.say(*["x" * 100_000] * 50)
        async with await upgraded(stage.socket, hello=True) as greedy:
            asked = b"".join(request("session/history", key, sessionId=session.id) for key in range(20_000))
            await _send_in_vain(greedy.stream, asked)
            await eventually(lambda: stage.connections.count == 1, 60)
        assert await other.request("ping") == {}
