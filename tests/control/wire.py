"""WebSocket by hand, for clients that misbehave: heads, masked frames, raw sockets; no line of the daemon's code."""

from __future__ import annotations

import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

import trio

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HELLO: dict[str, Any] = {"protocolVersion": 1, "clientInfo": {"name": "wire", "version": "1"}}

Headers = list[tuple[str, str | bytes]]

UPGRADE: Headers = [
    ("Host", "localhost"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]


def head(target: str | bytes = "/v1", *more: tuple[str, str | bytes], without: str = "", method: str = "GET") -> bytes:
    """A request's head: the right one, with headers added and one left out."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), _bytes(target))]
    headers = [header for header in UPGRADE if header[0] != without]
    lines += [b"%b: %b" % (name.encode(), _bytes(value)) for name, value in (*headers, *more)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bool = True, length: int | None = None) -> bytes:
    """One frame of a client; `length` is what it claims to have."""
    claimed = len(payload) if length is None else length
    size = claimed if claimed < 126 else 126 if claimed < 1 << 16 else 127
    out = struct.pack("!BB", (0x80 if final else 0) | opcode, (0x80 if mask else 0) | size)
    out += b"" if size < 126 else struct.pack("!H" if size == 126 else "!Q", claimed)
    if not mask:
        return out + payload
    key = os.urandom(4)
    stretched = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")
    return out + key + masked.to_bytes(len(payload), "big")


def request(method: str, request_id: int = 1, /, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return frame(TEXT, json.dumps(message).encode())


class Wire:
    """A connection whose reader is the test."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._held = b""

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def head(self) -> tuple[int, str]:
        """The status of the answer to the upgrade, and its body."""
        with trio.fail_after(10):
            while b"\r\n\r\n" not in self._held:
                await self._more()
            start, _, self._held = self._held.partition(b"\r\n\r\n")
            status = int(start.split()[1])
            if status == 101:
                return status, start.decode()
            body = self._held
            while chunk := await self.stream.receive_some():
                body += chunk
        return status, body.decode()

    async def frame(self, seconds: float = 10) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload. Server frames are whole and not masked."""
        with trio.fail_after(seconds):
            opcode, size = (await self._take(2))[:2]
            assert opcode & 0x80
            assert not size & 0x80
            if size > 125:
                size = int.from_bytes(await self._take(2 if size == 126 else 8), "big")
            return opcode & 0x0F, await self._take(size)

    async def message(self, seconds: float = 10) -> Any:
        opcode, payload = await self.frame(seconds)
        assert opcode == TEXT, (opcode, payload)
        return json.loads(payload)

    async def close_code(self, seconds: float = 10) -> int:
        """Reads on to the close frame."""
        with trio.fail_after(seconds):
            while True:
                opcode, payload = await self.frame(seconds)
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big")

    async def _take(self, size: int) -> bytes:
        parts, have = [self._held], len(self._held)
        while have < size:
            parts.append(await self._chunk())
            have += len(parts[-1])
        data = b"".join(parts)
        self._held = data[size:]
        return data[:size]

    async def _more(self) -> None:
        self._held += await self._chunk()

    async def _chunk(self) -> bytes:
        chunk = await self.stream.receive_some(1 << 16)
        if not chunk:
            raise EOFError("the server closed")
        return bytes(chunk)


async def dial(path: Path) -> Wire:
    return Wire(await trio.open_unix_socket(path))


async def dial_port(host: str, port: int) -> Wire:
    return Wire(await trio.open_tcp_stream(host, port))


async def upgraded(path: Path, *, hello: bool = False) -> Wire:
    """A connection after its 101; with `hello`, after `initialize` as well."""
    wire = await dial(path)
    await wire.send(head())
    status, _ = await wire.head()
    assert status == 101
    if hello:
        await wire.send(request("initialize", 0, **HELLO))
        assert "result" in await wire.message()
    return wire


def reset(wire: Wire) -> None:
    """Close at once, so that what the server sent and nobody read turns into an error there."""
    wire.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.stream.socket.close()
