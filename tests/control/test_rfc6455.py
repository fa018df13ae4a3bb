"""RFC 6455, section by section, at both doors, over raw sockets: what has to live lives, what has to end ends with the
right code in a close frame, and a client that reads on always sees that frame."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from jelmored.control import metering
from jelmored.control.metering import MAX_MESSAGE_BYTES
from tests.client_raw import connect

from .stage import Stage, staged
from .wire import BINARY, CLOSE, HELLO, KEY, PING, PONG, TEXT, Wire, dial, dial_port, frame, head, request

DOORS = ("socket", "port")
PIECES = 1000
"""So many a message may have here; counting to the real limit takes seconds."""

NOTHING = 1005
"""The code of a close frame that has none."""


@attrs.frozen
class Case:
    """What a client says, and what becomes of it.

    Args:
        code: of the close frame that answers; None: the connection lives.
        pongs: that come, in order.
        replies: to requests, how many; None: whether it still comes in time is chance.
    """

    said: bytes
    code: int | None = None
    pongs: Sequence[bytes] = ()
    replies: int | None = 0


def asked(pad: bytes = b"x") -> bytes:
    """A request with this text in it."""
    return b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"pad":"%b"}}' % pad


def pieces(*payloads: bytes, opcode: int = TEXT) -> bytes:
    last = len(payloads) - 1
    return b"".join(frame(0 if n else opcode, one, final=n == last) for n, one in enumerate(payloads))


def split(data: bytes, at: int) -> tuple[bytes, bytes]:
    return data[:at], data[at:]


def bits(first: int, whole: bytes) -> bytes:
    """The same frame with these bits set in its first byte."""
    return bytes((whole[0] | first,)) + whole[1:]


def wordy(payload: bytes, size: int) -> bytes:
    """Its length in more bytes than it needs. The mask is zero."""
    length = struct.pack("!BH", 0x80 | 126, len(payload)) if size == 2 else struct.pack("!BQ", 0x80 | 127, len(payload))
    return bytes((0x80 | TEXT,)) + length + bytes(4) + payload


def goodbye(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


KOSME = "κόσμε".encode()
REQUEST = asked()

FRAMING: Mapping[str, Case] = {
    "5.1 a client masks: text": Case(frame(TEXT, REQUEST, mask=False), 1002),
    "5.1 a client masks: binary": Case(frame(BINARY, b"x", mask=False), 1002),
    "5.1 a client masks: ping": Case(frame(PING, b"", mask=False), 1002),
    "5.1 a client masks: close": Case(frame(CLOSE, b"\x03\xe8", mask=False), 1002),
    "5.1 a mask of zeros is a mask": Case(b"\x81" + bytes((0x80 | len(REQUEST),)) + bytes(4) + REQUEST, replies=1),
    **{f"5.2 RSV{4 - n} in a text": Case(bits(1 << (n + 3), frame(TEXT, REQUEST)), 1002) for n in (1, 2, 3)},
    "5.2 all RSV in a text": Case(bits(0x70, frame(TEXT, REQUEST)), 1002),
    "5.2 RSV1 in a ping": Case(bits(0x40, frame(PING, b"x")), 1002),
    "5.2 RSV1 in a close": Case(bits(0x40, goodbye(1000)), 1002),
    "5.2 RSV2 in a continuation": Case(frame(TEXT, b"{", final=False) + bits(0x20, frame(0, b"}")), 1002),
    "5.2 RSV after a good message": Case(frame(TEXT, REQUEST) + bits(0x40, frame(TEXT, REQUEST)), 1002, replies=1),
    **{f"5.2 opcode {opcode}": Case(frame(opcode, b""), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.2 opcode 3 with a payload": Case(frame(3, b"x" * 300), 1002),
    "5.2 opcode 11 with a payload": Case(frame(11, b"x" * 100), 1002),
    "5.2 length in 7 bits": Case(frame(TEXT, asked(b"x" * 40)), replies=1),
    "5.2 length in 16 bits": Case(frame(TEXT, asked(b"x" * 200)), replies=1),
    "5.2 length in 64 bits": Case(frame(TEXT, asked(b"x" * 70_000)), replies=1),
    "5.2 length 5 in 16 bits": Case(wordy(b"hello", 2), 1002),
    "5.2 length 5 in 64 bits": Case(wordy(b"hello", 8), 1002),
    "5.2 length 65535 in 64 bits": Case(wordy(b"x" * 65535, 8), 1002),
    "5.2 length with its first bit": Case(b"\x81\xff" + b"\xff" * 8 + bytes(4), 1002),
    "5.2 length 0 of a text": Case(frame(TEXT, b""), replies=1),
    "5.2 length 0 of a binary": Case(frame(BINARY, b"")),
    "5.4 in two": Case(pieces(*split(REQUEST, 10)), replies=1),
    "5.4 byte by byte": Case(pieces(*(bytes((byte,)) for byte in REQUEST)), replies=1),
    "5.4 empty pieces": Case(pieces(b"", REQUEST, b"", b""), replies=1),
    "5.4 binary in pieces": Case(pieces(b"a", b"b", opcode=BINARY)),
    "5.4 a ping between": Case(
        frame(TEXT, REQUEST[:9], final=False) + frame(PING, b"p") + frame(0, REQUEST[9:]), pongs=(b"p",), replies=1
    ),
    "5.4 pings between, each answered": Case(
        frame(TEXT, REQUEST[:9], final=False)
        + frame(PING, b"1")
        + frame(0, b"", final=False)
        + frame(PING, b"2")
        + frame(0, REQUEST[9:]),
        pongs=(b"1", b"2"),
        replies=1,
    ),
    "5.4 a close between": Case(frame(TEXT, REQUEST[:9], final=False) + goodbye(1001), 1001),
    "5.4 a continuation of nothing": Case(frame(0, b"x"), 1002),
    "5.4 an open continuation of nothing": Case(frame(0, b"x", final=False), 1002),
    "5.4 a continuation after a whole message": Case(frame(TEXT, REQUEST) + frame(0, b"x"), 1002, replies=1),
    "5.4 a text in a text": Case(frame(TEXT, b"{", final=False) + frame(TEXT, REQUEST), 1002),
    "5.4 a binary in a text": Case(frame(TEXT, b"{", final=False) + frame(BINARY, b"x"), 1002),
    "5.4 a text in a binary": Case(frame(BINARY, b"x", final=False) + frame(TEXT, REQUEST), 1002),
    "5.4 a second end": Case(pieces(*split(REQUEST, 10)) + frame(0, b""), 1002, replies=1),
    "5.4 pieces without end": Case(frame(TEXT, b"", final=False) + frame(0, b"", final=False) * PIECES, 1009),
    "5.5 a ping of 125": Case(frame(PING, b"x" * 125), pongs=(b"x" * 125,)),
    "5.5 a ping of 126": Case(frame(PING, b"x" * 126), 1002),
    "5.5 a pong of 126": Case(frame(PONG, b"x" * 126), 1002),
    "5.5 a close of 126": Case(goodbye(1000, b"x" * 124), 1002),
    "5.5 a ping of a megabyte": Case(frame(PING, b"", length=1 << 20), 1002),
    "5.5 a ping in pieces": Case(frame(PING, b"x", final=False) + frame(0, b"y"), 1002),
    "5.5 a pong in pieces": Case(frame(PONG, b"x", final=False), 1002),
    "5.5 a close in pieces": Case(frame(CLOSE, b"\x03\xe8", final=False), 1002),
    "5.5.2 a ping with nothing": Case(frame(PING, b""), pongs=(b"",)),
    "5.5.2 a ping of bytes that are no text": Case(frame(PING, b"\xff\xfe\x00"), pongs=(b"\xff\xfe\x00",)),
    "5.5.2 ten pings": Case(b"".join(frame(PING, b"%d" % n) for n in range(10)), pongs=[b"%d" % n for n in range(10)]),
    "5.5.3 a pong that nobody asked for": Case(frame(PONG, b"unasked")),
    "5.5.3 … and a ping": Case(frame(PONG, b"unasked") + frame(PING, b"p"), pongs=(b"p",)),
    "5.5.1 a close with nothing": Case(frame(CLOSE, b""), NOTHING),
    "5.5.1 a close of one byte": Case(frame(CLOSE, b"\x03"), 1002),
    "5.5.1 a reason": Case(goodbye(1000, "bis später".encode()), 1000),
    "5.5.1 the longest reason": Case(goodbye(1000, b"x" * 123), 1000),
    "5.5.1 a reason that is no text": Case(goodbye(1000, b"\xce\xba\xff"), 1007),
    "5.5.1 nothing after a close: a ping": Case(goodbye(1000) + frame(PING, b"late"), 1000),
    "5.5.1 nothing after a close: a request": Case(goodbye(1000) + frame(TEXT, REQUEST), 1000),
    "5.5.1 nothing after a close: what is no frame": Case(goodbye(1000) + b"\xff" * 100, 1000),
    "5.5.1 two closes": Case(goodbye(1000) * 2, 1000),
    "5.5.1 a message before the close": Case(frame(TEXT, REQUEST) + goodbye(1000), 1000, replies=None),
    **{
        f"7.4 code {code}": Case(goodbye(code), code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
    **{
        f"7.4 code {code}, which no one may send": Case(goodbye(code), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "8.1 Greek": Case(frame(TEXT, asked(KOSME)), replies=1),
    "8.1 Greek, split in a letter": Case(pieces(*split(asked(KOSME), asked(KOSME).index(KOSME) + 1)), replies=1),
    "8.1 Greek, byte by byte": Case(pieces(*(bytes((byte,)) for byte in asked(KOSME))), replies=1),
    "8.1 a letter of four bytes, split in each": Case(
        pieces(*(bytes((byte,)) for byte in asked("𝄞".encode()))), replies=1
    ),
    "8.1 the last code point": Case(frame(TEXT, asked("\U0010ffff".encode())), replies=1),
    "8.1 one that is no character": Case(frame(TEXT, asked("\ufffe\uffff".encode())), replies=1),
    "8.1 past the last code point": Case(frame(TEXT, asked(b"\xf4\x90\x80\x80")), 1007),
    "8.1 a surrogate": Case(frame(TEXT, asked(b"\xed\xa0\x80")), 1007),
    "8.1 an overlong slash": Case(frame(TEXT, asked(b"\xc0\xaf")), 1007),
    "8.1 an overlong NUL": Case(frame(TEXT, asked(b"\xe0\x80\x80")), 1007),
    "8.1 five bytes": Case(frame(TEXT, asked(b"\xf8\x88\x80\x80\x80")), 1007),
    "8.1 bytes that never are": Case(frame(TEXT, b"\xff\xfe"), 1007),
    "8.1 a lonely continuation byte": Case(frame(TEXT, asked(b"\x80")), 1007),
    "8.1 cut at the end": Case(frame(TEXT, b"\xe2\x82"), 1007),
    "8.1 cut at the end, in pieces": Case(pieces(b"x", b"\xce"), 1007),
    "8.1 a letter is not finished by another piece": Case(pieces(b"\xce", b"x"), 1007),
    "8.1 found before the message ends": Case(frame(TEXT, b"\xff", final=False), 1007),
    "8.1 found before the frame ends": Case(frame(TEXT, b"\xff\xfe", length=1000), 1007),
    "8.1 a binary may be anything": Case(frame(BINARY, b"\xff\xfe\xed\xa0\x80")),
    "8.1 a pong too": Case(frame(PONG, b"\xff\xfe")),
    "10.4 the largest message, announced": Case(frame(TEXT, b"", length=MAX_MESSAGE_BYTES + 1), 1009),
    "10.4 … in a continuation": Case(
        frame(TEXT, b"x" * 9, final=False) + frame(0, b"", length=MAX_MESSAGE_BYTES), 1009
    ),
    "10.4 … of binary": Case(frame(BINARY, b"", length=1 << 40), 1009),
}

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # 1.3: of the key that `head` sends

HANDSHAKES: Mapping[str, tuple[bytes, int]] = {
    "1.3 the example": (head(), 101),
    "4.1 header names in any case": (head().replace(b"Sec-WebSocket-Key", b"SEC-WEBSOCKET-KEY"), 101),
    "4.1 no GET": (head(method="POST"), 426),
    "4.1 HTTP/1.0": (head().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "4.1 HTTP/2.0": (head().replace(b"HTTP/1.1", b"HTTP/2.0"), 400),
    "4.2.1 no Upgrade": (head(without="Upgrade"), 426),
    "4.2.1 Upgrade to something else": (head("/v1", ("Upgrade", "h2c"), without="Upgrade"), 426),
    "4.2.1 Upgrade in any case": (head("/v1", ("Upgrade", "WebSocket"), without="Upgrade"), 101),
    "4.2.1 no Connection": (head(without="Connection"), 400),
    "4.2.1 Connection: close": (head("/v1", ("Connection", "close"), without="Connection"), 400),
    "4.2.1 Connection: keep-alive, Upgrade": (
        head("/v1", ("Connection", "keep-alive, Upgrade"), without="Connection"),
        101,
    ),
    "4.2.1 Connection in any case": (head("/v1", ("Connection", "UPGRADE"), without="Connection"), 101),
    "4.2.1 Connection: Upgraded": (head("/v1", ("Connection", "Upgraded"), without="Connection"), 400),
    "4.2.1 no key": (head(without="Sec-WebSocket-Key"), 400),
    "4.2.1 two keys": (head("/v1", ("Sec-WebSocket-Key", KEY)), 400),
    "4.2.1 a key of 15 bytes": (
        head("/v1", ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), without="Sec-WebSocket-Key"),
        400,
    ),
    "4.2.1 a key that is no base64": (
        head("/v1", ("Sec-WebSocket-Key", "!" * 24), without="Sec-WebSocket-Key"),
        400,
    ),
    "4.2.1 no version": (head(without="Sec-WebSocket-Version"), 426),
    "4.4 version 8": (head("/v1", ("Sec-WebSocket-Version", "8"), without="Sec-WebSocket-Version"), 426),
    "4.4 version 14": (head("/v1", ("Sec-WebSocket-Version", "14"), without="Sec-WebSocket-Version"), 426),
    "4.4 two versions": (head("/v1", ("Sec-WebSocket-Version", "8")), 426),
    "1.9 our subprotocol": (head("/v1", ("Sec-WebSocket-Protocol", "jelmored.v1")), 101),
    "1.9 among others": (head("/v1", ("Sec-WebSocket-Protocol", "chat, jelmored.v1")), 101),
    "1.9 in a header of its own": (
        head("/v1", ("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "jelmored.v1")),
        101,
    ),
    "1.9 only others": (head("/v1", ("Sec-WebSocket-Protocol", "chat, superchat")), 400),
    "9.1 permessage-deflate": (head("/v1", ("Sec-WebSocket-Extensions", "permessage-deflate")), 101),
    "9.1 … as a browser offers it": (
        head("/v1", ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")),
        101,
    ),
    "9.1 extensions that nobody knows": (head("/v1", ("Sec-WebSocket-Extensions", "foo, bar; baz=2")), 101),
}

assert len(FRAMING) + len(HANDSHAKES) >= 80


@asynccontextmanager
async def dialled(stage: Stage, door: str) -> AsyncIterator[tuple[Wire, str]]:
    """A connection, and the Host that it has to name."""
    if door == "socket":
        async with await dial(stage.socket) as wire:
            yield wire, "localhost"
    else:
        assert stage.port is not None
        async with await dial_port(stage.port.host, stage.port.port) as wire:
            yield wire, f"{stage.port.host}:{stage.port.port}"


def at_door(data: bytes, host: str, token: str) -> bytes:
    """What that door wants to hear besides."""
    own = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n".encode()
    return data.replace(b"Host: localhost\r\n", own, 1)


@asynccontextmanager
async def introduced(door: str) -> AsyncIterator[tuple[Stage, Wire]]:
    async with staged(host="127.0.0.1") as stage, dialled(stage, door) as (wire, host):
        await wire.send(at_door(head(), host, stage.token))
        assert (await wire.head())[0] == 101
        await wire.send(request("initialize", 0, **HELLO))
        assert "result" in await wire.message()
        yield stage, wire


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", FRAMING)
async def test_frames(name: str, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "MAX_PIECES", PIECES)
    case, last = FRAMING[name], 99
    async with introduced(door) as (stage, wire):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, wire, case.said if case.code is not None else case.said + request("ping", last))
            pongs, replies, code = await _heard(wire, last)
            nursery.cancel_scope.cancel()
        assert (code, pongs) == (case.code, list(case.pongs))
        assert replies == case.replies or case.replies is None
        if code is not None:
            assert await wire.stream.receive_some() == b"", "7.1.1: the server closes first"
        assert not stage.connections.failures


async def _send(wire: Wire, data: bytes) -> None:
    try:
        await wire.send(data)
    except trio.BrokenResourceError:
        return  # it was not read to its end


async def _heard(wire: Wire, last: int) -> tuple[list[bytes], int, int | None]:
    """Pongs, how many replies, and the code, if it closes before the last reply."""
    pongs: list[bytes] = []
    replies = 0
    while True:
        opcode, payload = await wire.frame()
        if opcode == CLOSE:
            payload[2:].decode()
            return pongs, replies, struct.unpack("!H", payload[:2])[0] if payload else NOTHING
        if opcode == PONG:
            pongs.append(payload)
        elif json.loads(payload).get("id") == last:
            return pongs, replies, None
        else:
            replies += 1


@pytest.mark.parametrize("door", DOORS)
async def test_handshakes(door: str) -> None:
    wrong = {}
    async with staged(host="127.0.0.1") as stage:
        for name, (data, expected) in HANDSHAKES.items():
            async with dialled(stage, door) as (wire, host):
                await wire.send(at_door(data, host, stage.token))
                status, headers = await _answer(wire)
            right = status == expected
            if status == 101:
                right &= headers["sec-websocket-accept"] == ACCEPT and headers["upgrade"].lower() == "websocket"
                right &= "sec-websocket-extensions" not in headers  # 9.1: none is spoken, so none is agreed to
                right &= headers.get("sec-websocket-protocol") == ("jelmored.v1" if "Protocol" in str(data) else None)
            elif status == 426:
                right &= headers["sec-websocket-version"] == "13"  # 4.4
            if not right:
                wrong[name] = status, headers
    assert not wrong


async def _answer(wire: Wire) -> tuple[int, Mapping[str, str]]:
    data = b""
    with trio.fail_after(10):
        while b"\r\n\r\n" not in data:
            data += await wire.stream.receive_some()
    first, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def test_who_does_not_hang_up_is_not_waited_for_long(autojump_clock: trio.abc.Clock) -> None:
    """7.1.1, 7.1.7: it was told and has not closed; nor does it hold a place for ever."""
    async with staged() as stage, dialled(stage, "socket") as (wire, _):
        await wire.send(head())
        assert (await wire.head())[0] == 101
        await wire.send(frame(3, b""))
        assert await wire.close_code() == 1002
        await trio.sleep(5)
        assert stage.connections.count == 0
        with pytest.raises(trio.BrokenResourceError):
            await wire.send(b"x")


FLOODS = {
    "pongs": frame(PONG, b"") * 20_000,
    "empty pieces": frame(TEXT, b"", final=False) + frame(0, b"", final=False) * 20_000 + frame(0, b""),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_small_frames_leaves_turns_to_others(flood: str) -> None:
    """Counted, not timed: in the turns that the flood takes another client has its pings answered."""
    async with introduced("socket") as (stage, wire), connect(stage.socket, name="honest") as honest:
        served = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pour, wire, FLOODS[flood], served)
            answered = 0
            while not served.is_set():
                await honest.request("ping")
                answered += 1
    print(f"{answered} pings were answered")
    assert answered >= 40, "in chunks of 4 KiB the flood has 30 turns"


async def _pour(wire: Wire, flood: bytes, served: trio.Event) -> None:
    await wire.send(flood + request("ping", 99))
    while (await wire.message(60)).get("id") != 99:
        pass
    served.set()
