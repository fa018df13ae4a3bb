"""Clients that mean no good, in a process of their own: `python -m tests.control.hostile SOCKET CONNECTIONS SEED`, or
`… HOST:PORT:TOKEN CONNECTIONS SEED` for some that have a token.

Each kind opens one connection and misbehaves in its own way; most leave without reading, so that answers run into a
closed socket. It prints how many connections of how many kinds there were.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.control.wire import BINARY, CLOSE, HELLO, PING, TEXT, frame, head, request

Kind = Callable[[socket.socket, random.Random], None]

THREADS = 4
PATIENCE = 1.0

HEADS: dict[str, bytes] = {
    # the five that end trio-websocket's own server
    "host not ASCII": head("/v1", ("Host", b"\xff\xfe\xfd"), without="Host"),
    "host not IDNA": head("/v1", ("Host", "xn--a"), without="Host"),
    "subprotocol not ASCII": head("/v1", ("Sec-WebSocket-Protocol", b"jelmored.v1, \xff")),
    "extension not ASCII": head("/v1", ("Sec-WebSocket-Extensions", b"permessage-deflate\xe9")),
    "connection not ASCII": head("/v1", ("Connection", b"Upgrade, \xff"), without="Connection"),
    "two hosts": head("/v1", ("Host", "b")),
    "wrong path": head("/" + "a" * 5000),
    "web page": head("/v1", ("Origin", "https://evil.example")),
    "token in URL": head("/v1?token=1"),
    "no key": head(without="Sec-WebSocket-Key"),
    "old version": head("/v1", ("Sec-WebSocket-Version", "8"), without="Sec-WebSocket-Version"),
    "post": head("/v1", ("Content-Length", "5"), method="POST") + b"hello",
    "chunked": head("/v1", ("Transfer-Encoding", "chunked")) + b"5\r\nhello\r\n0\r\n\r\n",
    "early frames": head() + frame(TEXT, b"{}") * 5,
    "bare newlines": head().replace(b"\r\n", b"\n"),
    "folded": head("/v1", ("X", "a\r\n b")),
    "no colon": head().replace(b"Host: ", b"Host"),
    "nul": head("/v1", ("X", "a\x00b")),
    "long header": head("/v1", ("X", "a" * 100_000)),
    "many headers": head("/v1", *((f"X-{n}", "a") for n in range(5000))),
    "HTTP/0.9": b"GET /v1\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a line of JSON": b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
    "redis": b"*1\r\n$4\r\nPING\r\n\r\n",
    "spaces": b" " * 4000 + b"\r\n\r\n",
    "half": head()[:60],
}

FRAMES: dict[str, bytes] = {
    "not masked": frame(TEXT, b"{}", mask=False),
    "unknown opcode": frame(3, b""),
    "unknown control": frame(11, b""),
    "reserved bits": b"\xf1" + frame(TEXT, b"{}")[1:],
    "control in pieces": frame(PING, b"x", final=False),
    "long control": frame(PING, b"x" * 126),
    "short close": frame(CLOSE, b"\x03"),
    "close with a code that is none": frame(CLOSE, struct.pack("!H", 999)),
    "close with a reason that is no text": frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    "end without a beginning": frame(0, b"x"),
    "text in a text": frame(TEXT, b"a", final=False) + frame(TEXT, b"b"),
    "no UTF-8": frame(TEXT, b"\xff\xfe"),
    "cut UTF-8": frame(TEXT, b"\xe2\x82"),
    "cut frame": frame(TEXT, b"{}", length=1000),
    "a terabyte": frame(TEXT, b"x" * 5000, length=1 << 40),
    "negative length": b"\x81\xff" + b"\xff" * 8 + b"abcd",
    "wordy length": b"\x81\xfe\x00\x05abcdhello",
    "ping flood": frame(PING, b"x" * 100) * 100,
    "empty pieces": frame(TEXT, b"", final=False) + frame(0, b"", final=False) * 500,
    "binary flood": frame(BINARY, b"x" * 1000) * 40,
    "no JSON": frame(TEXT, b"{") * 50,
    "deep JSON": frame(TEXT, b"[" * 50_000),
    "batches": frame(TEXT, b"[{}]") * 30,
    "no hello": request("session/list") * 80,
    "hello without end": request("initialize", **HELLO) * 80,
    "goodbye and more": frame(CLOSE, b"\x03\xe8") + request("ping") * 50,
}


def send(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it may have been shown the door already
        client.sendall(data)


def upgrade(client: socket.socket) -> None:
    send(client, head())
    with contextlib.suppress(OSError):
        client.recv(4096)


def say(data: bytes) -> Kind:
    return lambda client, _: send(client, data)


def say_and_listen(data: bytes) -> Kind:
    def kind(client: socket.socket, _: random.Random) -> None:
        send(client, data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass

    return kind


def upgrade_and_say(data: bytes) -> Kind:
    def kind(client: socket.socket, _: random.Random) -> None:
        upgrade(client)
        send(client, data)

    return kind


def hello_and_say(data: bytes) -> Kind:
    return upgrade_and_say(request("initialize", 0, **HELLO) + data)


def noise(client: socket.socket, chance: random.Random) -> None:
    send(client, chance.randbytes(chance.randrange(1, 20_000)) + b"\r\n\r\n" * chance.randrange(2))


def framed_noise(client: socket.socket, chance: random.Random) -> None:
    upgrade(client)
    send(client, chance.randbytes(chance.randrange(1, 20_000)))


def mutated_head(client: socket.socket, chance: random.Random) -> None:
    send(client, mutated(head("/v1", ("Sec-WebSocket-Protocol", "jelmored.v1")), chance))


def mutated_talk(client: socket.socket, chance: random.Random) -> None:
    upgrade(client)
    talk = request("initialize", 0, **HELLO) + request("session/subscribe", sessionId="*") + request("session/list", 2)
    send(client, mutated(talk, chance))


def mutated(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


def drips(client: socket.socket, _: random.Random) -> None:
    for byte in head():
        send(client, bytes((byte,)))


def odd_requests(client: socket.socket, chance: random.Random) -> None:
    upgrade(client)
    send(client, request("initialize", 0, **HELLO))
    values: list[object] = [None, 0, -1, 1 << 63, 1.5, "", "*", "\x00", [], {}, {"a": []}, True, "ses_x", "x" * 10_000]
    names = ["sessionId", "after", "limit", "prompt", "cwd", "approvalId", "name", "params", "optionId", "clientInfo"]
    for method in ("session/get", "session/create", "session/subscribe", "session/history", "approval/resolve", "x/y"):
        params = {chance.choice(names): chance.choice(values) for _ in range(3)}
        message = {"jsonrpc": "2.0", "id": chance.choice(values), "method": method, "params": params}
        send(client, frame(TEXT, json.dumps(message).encode()))


def silence(client: socket.socket, chance: random.Random) -> None:
    with contextlib.suppress(TimeoutError):
        client.settimeout(chance.random() / 10)
        client.recv(1)


def silence_after_the_upgrade(client: socket.socket, chance: random.Random) -> None:
    upgrade(client)
    silence(client, chance)


def reset(client: socket.socket) -> None:
    """What the daemon still says to it runs into an error there."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def resets_and(before: Kind) -> Kind:
    def kind(client: socket.socket, chance: random.Random) -> None:
        before(client, chance)
        reset(client)

    return kind


def half_closes(client: socket.socket, chance: random.Random) -> None:
    """In the middle of a request, or of a frame, and reads what comes."""
    data = head() + request("initialize", 0, **HELLO) + request("session/list")
    if chance.random() < 0.5:
        upgrade(client)
        data = data[len(head()) :]
    send(client, data[: chance.randrange(len(data))])
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


KINDS: dict[str, Kind] = {
    **{name: say(data) for name, data in HEADS.items()},
    **{f"{name}, listening": say_and_listen(data) for name, data in HEADS.items()},
    **{f"frames: {name}": upgrade_and_say(data) for name, data in FRAMES.items()},
    **{f"after hello: {name}": hello_and_say(data) for name, data in FRAMES.items()},
    "gone at once": lambda client, _: None,
    "gone after the request": say(head()),
    "gone after hello": hello_and_say(b""),
    "asks and goes": hello_and_say(request("session/list", 1) * 100),
    "subscribes and goes": hello_and_say(request("session/subscribe", sessionId="*", after={})),
    "half closed": half_closes,
    "reset at once": resets_and(lambda client, _: None),
    "reset in a request": resets_and(say(HEADS["half"])),
    "reset after hello": resets_and(hello_and_say(b"")),
    "reset in replies": resets_and(hello_and_say(request("daemon/status", 1) * 50)),
    "reset in a frame": resets_and(hello_and_say(FRAMES["cut frame"])),
    "silence": silence,
    "silence after the upgrade": silence_after_the_upgrade,
    "drips": drips,
    "noise": noise,
    "noise for frames": framed_noise,
    "mutated head": mutated_head,
    "mutated talk": mutated_talk,
    "odd requests": odd_requests,
}


class AtPort(socket.socket):
    """Says what a port wants to hear, where nothing else was meant to be said."""

    token = ""

    def sendall(self, data: Any, flags: int = 0) -> None:
        host, port = self.getpeername()
        right = f"Host: {host}:{port}\r\nAuthorization: Bearer {self.token}\r\n".encode()
        super().sendall(bytes(data).replace(b"Host: localhost\r\n", right, 1), flags)


def reached(where: str) -> socket.socket:
    if where.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(where)
        return client
    host, port, token = where.split(":")
    at_port = AtPort(socket.AF_INET)
    at_port.token = token
    at_port.settimeout(PATIENCE)
    at_port.connect((host, int(port)))
    return at_port


def attack(where: str, kind: Kind, seed: int) -> None:
    with reached(where) as client:
        kind(client, random.Random(seed))


def plan(connections: int, seed: int) -> Iterator[tuple[Kind, int]]:
    """Every kind as often as every other, in an order of chance."""
    chance = random.Random(seed)
    kinds = [list(KINDS.values())[number % len(KINDS)] for number in range(connections)]
    chance.shuffle(kinds)
    yield from ((kind, chance.randrange(1 << 30)) for kind in kinds)


def main(where: str, connections: int, seed: int) -> None:
    os.nice(10)  # what is measured is the daemon, not who gets the processor
    with ThreadPoolExecutor(THREADS) as threads:
        done = [threads.submit(attack, where, kind, one) for kind, one in plan(connections, seed)]
    for one in done:
        one.result()
    print(len(done), len(KINDS))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
