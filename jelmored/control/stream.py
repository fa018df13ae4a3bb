"""The bytes of one connection, under trio-websocket and beside it.

trio-websocket writes its handshake, pongs and close here; our writer writes many text frames in one go. Each write is
whole frames and nobody writes into the middle of another's, so a write that was cut ends the stream.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # protocol 1, section 2
FRAMING_SLACK = 1024 * 1024  # headers of a message in many frames, and the control frames between
WRITE_SECONDS = 10  # protocol 1, section 4: a socket that takes nothing for so long is closed
LAST_WORDS_ROOM = 200 * 1024  # the kernel doubles it; more than that takes a privilege

_FINAL_TEXT, _FINAL_CLOSE = 0x81, 0x88
_HEAD_END = b"\r\n\r\n"


class CloseCode(enum.IntEnum):
    """Why a connection ends (protocol 1, section 6)."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> CloseCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    BYE = 1000, "You closed, or are gone."
    SHUTDOWN = 1001, "The daemon stops; come back."
    HANDSHAKE = 1002, "No `initialize`."
    SIZE = 1009, "A message larger than 16 MiB."
    OUR_FAULT = 1011, "A fault of the daemon's; its log has it."
    TOKEN = 4001, "The token that you came by was replaced or revoked. Read its file again, and come back."
    SLOW = 4008, "You took nothing, or did not answer a ping. Come back with your last `seq`."


def text_frames(payloads: Iterable[bytes]) -> bytes:
    """Whole text messages as a server sends them: unmasked, one frame each."""
    return b"".join(part for payload in payloads for part in (_header(_FINAL_TEXT, len(payload)), payload))


def close_frame(code: CloseCode, reason: str) -> bytes:
    """`reason`: at most 123 bytes."""
    payload = struct.pack("!H", code) + reason.encode()
    return _header(_FINAL_CLOSE, len(payload)) + payload


def _header(opcode: int, length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", opcode, length)
    if length < 1 << 16:
        return struct.pack("!BBH", opcode, 126, length)
    return struct.pack("!BBQ", opcode, 127, length)


class FrameStream(trio.abc.HalfCloseableStream):
    """One connection's stream; every write has a deadline that counts from the last byte the peer took.

    Args:
        transport: a connected Unix or TCP socket.
    """

    def __init__(self, transport: trio.SocketStream) -> None:
        self._transport = transport
        self._writing = trio.StrictFIFOLock()
        self._read_ahead = b""
        self._unfinished = 0
        self._closing = False
        self.received = 0
        """Bytes, the handshake's too."""
        self.stalled = False
        """The peer took nothing for `WRITE_SECONDS`."""

    async def head(self, limit: int) -> bytes | None:
        """The head of a request; `receive_some` then gives it again. None: none came, or none within `limit` bytes."""
        head = bytearray()
        while _HEAD_END not in head:
            chunk = await self.receive_some(4096)
            head += chunk
            if not chunk or len(head) > limit:
                return None
        self._read_ahead = bytes(head)
        return self._read_ahead

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """What trio-websocket says: always whole frames, or the handshake."""
        async with self._alone():
            self._closing = self._closing or data[:1] == b"\x88"
            await self._write(data)

    async def send_texts(self, payloads: Iterable[bytes]) -> None:
        """Many messages in one write.

        Raises:
            trio.ClosedResourceError: a close frame was sent; nothing may follow it.
            trio.BrokenResourceError: the peer is gone or `stalled`.
        """
        async with self._alone():
            if self._closing:
                raise trio.ClosedResourceError("a close frame was sent")
            await self._write(text_frames(payloads))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """The lock; free, it costs no turn of the loop, and that is one of three that an answer takes."""
        try:
            self._writing.acquire_nowait()
        except trio.WouldBlock:
            await self._writing.acquire()
        try:
            yield
        finally:
            self._writing.release()

    async def _write(self, data: bytes | bytearray | memoryview) -> None:
        if self._transport.socket.fileno() < 0:
            raise trio.ClosedResourceError("the stream is closed")
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[await self._write_some(rest) :]
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        finally:
            if 0 < len(rest) < len(data):  # half a frame is out: whatever followed would be read as its other half
                self._transport.socket.close()

    async def _write_some(self, rest: memoryview) -> int:
        """A slow peer has its time as long as it reads at all: the kernel calls a socket writable only when most of
        its buffer is free again."""
        unread = self._unread_by_peer()
        with trio.move_on_after(WRITE_SECONDS):
            return await self._transport.socket.send(rest)
        if self._unread_by_peer() < unread:
            return 0
        self._give_up(rest)
        raise trio.BrokenResourceError("the peer takes nothing")

    def _unread_by_peer(self) -> int:
        """Bytes, as the kernel accounts for them."""
        answer = fcntl.ioctl(self._transport.socket.fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)

    def _give_up(self, rest: memoryview) -> None:
        """Leave the reason behind what the peer has not read yet: it finds it when it wakes up. The kernel's buffer is
        full, so that needs a larger one."""
        self.stalled = self._closing = True
        raw = self._transport.socket
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LAST_WORDS_ROOM)
            os.write(raw.fileno(), bytes(rest) + close_frame(CloseCode.SLOW, "slow: subscribe again with after"))
        raw.close()

    async def wait_send_all_might_not_block(self) -> None:
        async with self._alone():
            await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the peer sent.

        Raises:
            trio.BrokenResourceError: it is gone, or sent more than a message may have without ending it. That is
                counted here because trio-websocket counts characters, and empty fragments not at all.
        """
        if self._read_ahead:
            head, self._read_ahead = self._read_ahead, b""
            return head
        chunk = bytes(await self._transport.receive_some(max_bytes))
        self.received += len(chunk)
        self._unfinished += len(chunk)
        if self._unfinished > MAX_MESSAGE_BYTES + FRAMING_SLACK:
            await self.send_all(close_frame(CloseCode.SIZE, "a message has at most 16 MiB"))
            raise trio.BrokenResourceError("a message without end")
        return chunk

    def message_ended(self) -> None:
        """Called for each whole message: the next one is counted from here."""
        self._unfinished = 0

    async def send_eof(self) -> None:
        async with self._alone():
            await self._transport.send_eof()

    async def aclose(self) -> None:
        await self._transport.aclose()
