"""The order of the door, case by case: over values. The same over sockets, and what a port asks more: test_doors.py."""

from __future__ import annotations

import os

import pytest

from jelmored.control.gate import House, Refusal, Upgrade, judge
from jelmored.control.guards import ByUser
from jelmored.control.principal import Peer, Visitor
from jelmored.domain.scopes import Scope

from .wire import KEY, head

OURS, ANOTHERS = 1000, 1001
HOUSE = House(subprotocols={"/v1": "jelmored.v1"}, allowed_origins=("https://editor.example", "null"))
GUARD = ByUser({OURS: Scope.OPERATOR})
VISITOR = Visitor(scope=Scope.OPERATOR, uid=OURS, pid=os.getpid())


async def verdict_on(data: bytes | None, uid: int = OURS, *, full: bool = False) -> Upgrade | Refusal:
    return await judge(data, Peer(os.getpid(), uid), GUARD, HOUSE, full=lambda: full)


SUBPROTOCOL, ORIGIN = "Sec-WebSocket-Protocol", "Origin"

LET_IN = {
    "plain": (head(), None),
    "subprotocol": (head("/v1", (SUBPROTOCOL, "jelmored.v1")), "jelmored.v1"),
    "subprotocol among others": (head("/v1", (SUBPROTOCOL, "other, jelmored.v1")), "jelmored.v1"),
    "subprotocols in two headers": (head("/v1", (SUBPROTOCOL, "other"), (SUBPROTOCOL, "jelmored.v1")), "jelmored.v1"),
    "listed origin": (head("/v1", (ORIGIN, "https://editor.example")), None),
    "any host": (head("/v1", ("Host", "evil.example:1"), without="Host"), None),
    "a token in its header": (head("/v1", ("Authorization", "Bearer x")), None),
    "browser's connection header": (head("/v1", ("Connection", "keep-alive, Upgrade"), without="Connection"), None),
    "capitals": (head("/v1", ("upgrade", "WebSocket"), without="Upgrade"), None),
    "a page's token, where none is asked for": (
        head("/v1", (SUBPROTOCOL, "jelmored.token.x, jelmored.v1")),
        "jelmored.v1",
    ),
    "tabs": (head("/v1", ("X", "\ta\tb\t")), None),
    "an extension": (head("/v1", ("Sec-WebSocket-Extensions", "permessage-deflate")), None),
}

REFUSED = {
    "other path": (head("/v2"), 404),
    "root": (head("/"), 404),
    "path below": (head("/v1/"), 404),
    "path in disguise": (head("/%761"), 404),
    "absolute target": (head("http://localhost/v1"), 404),
    "path before all else": (head("/v2?token=x", (ORIGIN, "https://evil.example"), ("Host", "b")), 404),
    "two hosts": (head("/v1", ("Host", "other")), 400),
    "two origins": (head("/v1", (ORIGIN, "https://editor.example"), (ORIGIN, "https://editor.example")), 400),
    "two authorizations": (head("/v1", ("Authorization", "Bearer x"), ("authorization", "Bearer y")), 400),
    "token in the URL": (head("/v1?token=abc"), 400),
    "anything in the URL": (head("/v1?"), 400),
    "URL before origin": (head("/v1?token=abc", (ORIGIN, "https://evil.example")), 400),
    "web page": (head("/v1", (ORIGIN, "https://evil.example")), 403),
    "null, though listed": (head("/v1", (ORIGIN, "null")), 403),
    "empty origin": (head("/v1", (ORIGIN, "")), 403),
    "origin like a listed one": (head("/v1", (ORIGIN, "https://editor.example.evil.example")), 403),
    "origin in another case": (head("/v1", (ORIGIN, "https://EDITOR.example")), 403),
    "origin with a port": (head("/v1", (ORIGIN, "https://editor.example:8443")), 403),
    "origin before subprotocol": (head("/v1", (ORIGIN, "https://evil.example"), (SUBPROTOCOL, "other")), 403),
    "unknown subprotocol": (head("/v1", (SUBPROTOCOL, "jelmored.v2")), 400),
    "token without the subprotocol": (head("/v1", (SUBPROTOCOL, "jelmored.token.abc")), 400),
    "token and another subprotocol": (head("/v1", (SUBPROTOCOL, "jelmored.token.abc, jelmored.v2")), 400),
    "subprotocol in another case": (head("/v1", (SUBPROTOCOL, "JELMORED.V1")), 400),
    "path in another case": (head("/V1"), 404),
    "path with dots": (head("/x/../v1"), 404),
    "path with a fragment": (head("/v1#x"), 404),
    "two upgrades": (head("/v1", ("Upgrade", "websocket")), 426),
    "no upgrade": (head(without="Upgrade"), 426),
    "upgrade to another": (head("/v1", ("Upgrade", "h2c"), without="Upgrade"), 426),
    "other version": (head("/v1", ("Sec-WebSocket-Version", "8"), without="Sec-WebSocket-Version"), 426),
    "no version": (head(without="Sec-WebSocket-Version"), 426),
    "another method": (head(method="POST"), 426),
    "no connection header": (head(without="Connection"), 400),
    "no key": (head(without="Sec-WebSocket-Key"), 400),
    "two keys": (head("/v1", ("Sec-WebSocket-Key", KEY)), 400),
    "short key": (head("/v1", ("Sec-WebSocket-Key", "YWJj"), without="Sec-WebSocket-Key"), 400),
    "key of other letters": (head("/v1", ("Sec-WebSocket-Key", "?" * 24), without="Sec-WebSocket-Key"), 400),
    "no host": (head(without="Host"), 400),
    "a body": (head("/v1", ("Content-Length", "3")), 400),
    "chunks": (head("/v1", ("Transfer-Encoding", "chunked")), 400),
    "early frames": (head() + b"\x81\x80abcd", 400),
    "bare newlines": (head().replace(b"\r\n", b"\n") + b"\r\n\r\n", 400),
    "no target": (head("").replace(b"GET  HTTP", b"GET HTTP"), 400),
    "no HTTP": (b"EHLO localhost\r\n\r\n", 400),
    "HTTP/1.0": (head().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "no colon": (head().replace(b"Host: ", b"Host "), 400),
    "space before the colon": (head().replace(b"Host:", b"Host :"), 400),
    "folded header": (head().replace(b"\r\nUpgrade", b"\r\n Upgrade"), 400),
    "control character": (head("/v1", ("X", "a\x00b")), 400),
    "control character in the target": (head("/v1\x07"), 400),
    # the five that end trio-websocket's own server
    "host that is not ASCII": (head("/v1", ("Host", b"\xff\xfe"), without="Host"), 400),
    "host that is no IDNA": (head("/v1", ("Host", "xn--a"), without="Host"), 400),
    "subprotocol that is not ASCII": (head("/v1", (SUBPROTOCOL, b"jelmored.v1\xff")), 400),
    "extension that is not ASCII": (head("/v1", ("Sec-WebSocket-Extensions", b"\xe9")), 400),
    "connection that is not ASCII": (head("/v1", ("Connection", b"Upgrade, \xff"), without="Connection"), 400),
}


@pytest.mark.parametrize("name", LET_IN)
async def test_lets_in(name: str) -> None:
    data, subprotocol = LET_IN[name]
    assert await verdict_on(data) == Upgrade("/v1", subprotocol, VISITOR)


@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(name: str) -> None:
    data, status = REFUSED[name]
    verdict = await verdict_on(data)
    assert isinstance(verdict, Refusal)
    assert verdict.status == status
    assert verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize(
    ("data", "uid", "full", "status"),
    [
        (head(), ANOTHERS, False, 403),
        (head(), 0, False, 403),
        (head("/v2"), ANOTHERS, False, 404),
        (head("/v1", (SUBPROTOCOL, "other")), ANOTHERS, False, 403),
        (head(), OURS, True, 503),
        (None, OURS, False, 400),
    ],
)
async def test_refuses_by_what_is_not_in_the_head(data: bytes | None, uid: int, full: bool, status: int) -> None:
    verdict = await verdict_on(data, uid, full=full)
    assert isinstance(verdict, Refusal)
    assert verdict.status == status


async def test_a_place_that_was_taken_meanwhile_is_none() -> None:
    answers = iter((False, True))
    verdict = await judge(head(), Peer(os.getpid(), OURS), GUARD, HOUSE, full=lambda: next(answers))
    assert isinstance(verdict, Refusal)
    assert verdict.status == 503
