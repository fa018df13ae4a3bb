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

from .metering import MAX_PIECES, Meter

WRITE_SECONDS = 10  # protocol 1, section 4: a socket that takes nothing for so long is closed
LAST_WORDS_ROOM = 200 * 1024  # the kernel doubles it; more than that takes a privilege

_FINAL_TEXT, _FINAL_CLOSE = 0x81, 0x88
_REASON_BYTES = 123
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
    PROTOCOL = 1002, "No `initialize`; or a frame that RFC 6455 does not allow."
    NO_TEXT = 1007, "A text, or the reason of a close, that is not UTF-8."
    SIZE = 1009, "A message larger than 16 MiB, or in more than 131,072 pieces."
    OUR_FAULT = 1011, "A fault of the daemon's; its log has it."
    TOKEN = 4001, "The token that you came by was replaced or revoked. Read its file again, and come back."
    SLOW = 4008, "You took nothing, or did not answer a ping. Come back with your last `seq`."


def text_frames(payloads: Iterable[bytes]) -> bytes:
    """Whole text messages as a server sends them: unmasked, one frame each."""
    return b"".join(part for payload in payloads for part in (_header(_FINAL_TEXT, len(payload)), payload))


def close_frame(code: CloseCode, reason: str) -> bytes:
    """Of the reason only what has room in a control frame."""
    payload = struct.pack("!H", code) + reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
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
        self._meter = Meter()
        self._unmeasured = b""
        self._read_over = False
        self._closing = False
        self.received = 0
        """Bytes, the handshake's too."""
        self.fault: CloseCode | None = None
        """Why it ended by itself: the peer took nothing for `WRITE_SECONDS`, or sent too much."""

    async def head(self, limit: int) -> bytes | None:
        """The head of a request; `receive_some` then gives it again. None: none came, or none within `limit` bytes."""
        head = bytearray()
        while _HEAD_END not in head:
            chunk = await self._receive(4096)
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
            trio.BrokenResourceError: the peer is gone, or takes nothing.
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
        self.fault, self._closing = CloseCode.SLOW, True
        raw = self._transport.socket
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LAST_WORDS_ROOM)
            os.write(raw.fileno(), bytes(rest) + close_frame(CloseCode.SLOW, "slow: subscribe again with after"))
        raw.close()

    async def wait_send_all_might_not_block(self) -> None:
        async with self._alone():
            await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the peer sent; no more than may be read in one turn of the loop.

        Raises:
            trio.BrokenResourceError: it is gone, or begins a message that is too large. That is measured here because
                trio-websocket counts characters, and empty pieces not at all.
            trio.ClosedResourceError: nobody reads here any more.
        """
        if self._read_over:
            raise trio.ClosedResourceError("trio-websocket has read its last")
        if self._read_ahead:
            head, self._read_ahead = self._read_ahead, b""
            return head
        if self._meter.too_large:
            self.fault = CloseCode.SIZE
            raise trio.BrokenResourceError(f"a message has at most 16 MiB, and {MAX_PIECES} pieces")
        if self._unmeasured:
            await trio.lowlevel.checkpoint()
            chunk = self._unmeasured
        else:
            chunk = await self._receive(max_bytes)
        size = self._meter.turn(chunk)
        self._unmeasured = chunk[size:]
        return chunk[:size]

    async def _receive(self, max_bytes: int | None) -> bytes:
        chunk = bytes(await self._transport.receive_some(max_bytes))
        self.received += len(chunk)
        return chunk

    async def say_goodbye(self, code: CloseCode, reason: str) -> None:
        """The close frame, unless one was sent. To a peer that is gone, nothing."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if not self._closing:
                await self.send_all(close_frame(code, reason))

    async def linger(self) -> None:
        """Wait until the peer has closed too, and drop what it still says: closing a socket in which something is
        unread resets it, and the peer might not learn why. To be called with a deadline when nobody reads any more."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._transport.send_eof()
            while await self._transport.receive_some(1 << 16):
                pass

    async def send_eof(self) -> None:
        async with self._alone():
            await self._transport.send_eof()

    async def aclose(self) -> None:
        """trio-websocket is done with it. We are not: see `say_goodbye`; whoever made the transport closes it."""
        self._read_over = True
        await trio.lowlevel.checkpoint()
