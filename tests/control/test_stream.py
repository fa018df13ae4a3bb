"""Over real sockets, since what the kernel takes of a write is the point."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from wsproto.connection import CLIENT, Connection
from wsproto.events import CloseConnection, TextMessage

from jelmored.control.metering import FRAMES_A_TURN, MAX_MESSAGE_BYTES
from jelmored.control.stream import WRITE_SECONDS, CloseCode, FrameStream, close_frame, text_frames
from tests.control.wire import CLOSE, PONG, TEXT, Wire, frame

SIZES = (0, 1, 125, 126, 65535, 65536, 200_000)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[FrameStream, Wire]]:
    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end))
        for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    )
    async with ours, Wire(theirs) as wire:
        yield FrameStream(ours), wire


def messages(data: bytes) -> Iterator[str]:
    """As another implementation reads it."""
    connection = Connection(CLIENT)
    connection.receive_data(data)
    parts: list[str] = []
    for event in connection.events():
        assert isinstance(event, TextMessage)
        parts.append(event.data)
        if event.message_finished:
            yield "".join(parts)
            parts.clear()


def test_frames_are_read_by_another_implementation() -> None:
    texts = ["ä" * (size // 2) + "x" * (size % 2) for size in SIZES]
    assert list(messages(text_frames(text.encode() for text in texts))) == texts


def test_a_close_frame_is_read_by_another_implementation() -> None:
    connection = Connection(CLIENT)
    connection.receive_data(close_frame(CloseCode.SLOW, "slow"))
    assert list(connection.events()) == [CloseConnection(code=4008, reason="slow")]


async def test_writers_do_not_mix() -> None:
    texts = [b"%d" % number * 30_000 for number in range(10)]
    async with pair() as (stream, wire), trio.open_nursery() as nursery:
        for number, text in enumerate(texts):
            send = stream.send_texts if number % 2 else stream.send_all
            nursery.start_soon(send, [text] if number % 2 else text_frames([text]))  # type: ignore[arg-type]
        got = [(await wire.frame())[1] for _ in texts]
        assert sorted(got) == sorted(texts)


async def test_nothing_follows_a_close_frame() -> None:
    async with pair() as (stream, wire):
        await stream.send_all(close_frame(CloseCode.BYE, "bye"))
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_texts([b"late"])
        assert await wire.close_code() == 1000


async def test_a_peer_that_takes_nothing_is_given_up_and_finds_out_why(autojump_clock: trio.abc.Clock) -> None:
    async with pair() as (stream, wire):
        start = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await _send_for_ever(stream)
        assert stream.fault is CloseCode.SLOW
        assert trio.current_time() - start == pytest.approx(WRITE_SECONDS)
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")
        assert await wire.close_code() == 4008


async def _send_for_ever(stream: FrameStream) -> None:
    while True:
        await stream.send_texts([b"x" * 10_000])


async def test_a_slow_peer_that_takes_a_little_is_not_given_up(autojump_clock: trio.abc.Clock) -> None:
    text = b"x" * 1_000_000

    async def read_slowly(wire: Wire) -> None:
        have = 0
        while have < len(text):
            await trio.sleep(WRITE_SECONDS - 1)
            have += len(await wire.stream.receive_some(50_000))

    async with pair() as (stream, wire), trio.open_nursery() as nursery:
        nursery.start_soon(read_slowly, wire)
        start = trio.current_time()
        await stream.send_texts([text])
        assert trio.current_time() - start > 5 * WRITE_SECONDS
        assert stream.fault is None


async def test_a_write_cut_in_the_middle_ends_the_stream(autojump_clock: trio.abc.Clock) -> None:
    async with pair() as (stream, wire):
        with trio.move_on_after(1) as scope:
            await stream.send_texts([b"x" * 1_000_000])
        assert scope.cancelled_caught
        with pytest.raises((trio.ClosedResourceError, trio.BrokenResourceError)):
            await stream.send_texts([b"more"])
        with pytest.raises((EOFError, trio.BrokenResourceError)):
            await wire.frame()


async def test_a_write_cancelled_before_its_first_byte_leaves_the_stream_whole() -> None:
    async with pair() as (stream, wire):
        with trio.move_on_after(1) as scope:
            scope.cancel()
            await stream.send_texts([b"lost"])
        await stream.send_texts([b"said"])
        assert await wire.frame() == (1, b"said")


async def test_a_message_is_too_large_when_its_frame_says_so() -> None:
    """Its head is handed on, for trio-websocket may have something else against it; of the rest nothing."""
    async with pair() as (stream, wire):
        head = frame(TEXT, b"", length=MAX_MESSAGE_BYTES + 1)
        await wire.send(head + b"x" * 1000)
        assert await stream.receive_some(4096) == head
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some(4096)
        assert stream.fault is CloseCode.SIZE


async def test_between_two_turns_of_small_frames_others_are_served() -> None:
    async with pair() as (stream, wire):
        pong = frame(PONG, b"")
        await wire.send(pong * 5 * FRAMES_A_TURN)
        for _ in range(5):
            with trio.testing.assert_checkpoints():
                assert len(await stream.receive_some(1 << 16)) == FRAMES_A_TURN * len(pong)


async def test_who_is_done_reading_has_not_closed() -> None:
    """The peer reads our goodbye, whatever it had still in the pipe; then both have closed."""
    async with pair() as (stream, wire):
        await wire.send(b"x" * 1000)
        await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        await stream.say_goodbye(CloseCode.PROTOCOL, "ä" * 100)
        await stream.say_goodbye(CloseCode.BYE, "once")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.linger)
            opcode, payload = await wire.frame()
            assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
            assert payload[2:].decode() == "ä" * 61
            assert await wire.stream.receive_some() == b""
            await wire.stream.aclose()


async def test_the_head_is_given_twice() -> None:
    async with pair() as (stream, wire):
        for part in (b"GET / HTTP/1.1\r", b"\n\r", b"\nxyz"):
            await wire.send(part)
        whole = b"GET / HTTP/1.1\r\n\r\nxyz"
        assert await stream.head(100) == whole
        assert await stream.receive_some() == whole
        await wire.send(b"more")
        assert await stream.receive_some() == b"more"


@pytest.mark.parametrize("data", [b"", b"GET", b"x" * 101])
async def test_no_head(data: bytes) -> None:
    async with pair() as (stream, wire):
        await wire.send(data)
        await wire.stream.send_eof()
        assert await stream.head(100) is None
