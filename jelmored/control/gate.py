"""Who comes in: one decision over the head of the request, before trio-websocket sees it (protocol 1, section 1).

The order is the same at every door; what a door asks of its own, and how it knows its clients, is its `Guard`'s.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Protocol

import attrs

from .head import Head, parse
from .principal import NetPeer, Peer, Visitor

_SINGLE = ("host", "origin", "authorization")
TOKEN_WORD = "jelmored.token."  # noqa: S105  # what a token begins with that a web page sends as a subprotocol


@attrs.frozen
class Refusal:
    """An HTTP answer instead of the 101. `text` is one line for a person, `headers` what a program wants to know."""

    status: HTTPStatus
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        body = f"{self.text}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Sec-WebSocket-Version: 13",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@attrs.frozen
class Upgrade:
    """Come in."""

    path: str
    subprotocol: str | None
    visitor: Visitor


@attrs.frozen(kw_only=True)
class House:
    """What is the same behind every door.

    Args:
        subprotocols: of each path that there is.
        allowed_origins: web origins that may connect, each as a browser sends it.
    """

    subprotocols: Mapping[str, str]
    allowed_origins: Collection[str] = ()


_FULL = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients; close one and try again")


class Guard(Protocol):
    """What a door asks of its own."""

    def misdirected(self, head: Head, peer: Peer | NetPeer) -> Refusal | None:
        """Was this request meant for us at all?"""

    async def recognise(self, head: Head, peer: Peer | NetPeer) -> Visitor | Refusal:
        """Who this is, and what it may do."""


async def judge(
    data: bytes | None, peer: Peer | NetPeer, guard: Guard, house: House, *, full: Callable[[], bool]
) -> Upgrade | Refusal:
    """The whole decision, in the order of protocol 1, section 1.

    Args:
        data: all that came before we answered, None if that was no head.
        peer: who connected, as the kernel says.
        guard: of the door by which it came.
        house: what is behind all doors.
        full: is there no place for another client?
    """
    if full():
        return _FULL
    head = parse(data) if data is not None else None
    if head is None:
        return bad("this is not the request of a WebSocket client")
    if no := _misplaced(head, house) or guard.misdirected(head, peer) or _from_elsewhere(head, house):
        return no
    visitor = await guard.recognise(head, peer)
    if isinstance(visitor, Refusal):
        return visitor
    if full():  # while the guard looked, somebody else has come in
        return _FULL
    return _judge_what(head, house.subprotocols[head.target], visitor)


def _misplaced(head: Head, house: House) -> Refusal | None:
    path, question, _ = head.target.partition("?")
    if path not in house.subprotocols:
        return Refusal(HTTPStatus.NOT_FOUND, f"there is {', '.join(house.subprotocols)} here")
    for name in _SINGLE:
        if len(head.all(name)) > 1:
            return bad(f"more than one {name.capitalize()} header")
    if question:
        return bad("nothing may follow the path; a token belongs into the Authorization header, never into a URL")
    return None


def _from_elsewhere(head: Head, house: House) -> Refusal | None:
    for origin in head.all("origin"):
        if origin == "null" or origin not in house.allowed_origins:
            return Refusal(HTTPStatus.FORBIDDEN, "this web origin is not in control.allowed_origins")
    return None


def _judge_what(head: Head, wanted: str, visitor: Visitor) -> Upgrade | Refusal:
    offered = head.words("sec-websocket-protocol")
    if offered and wanted not in offered:
        return bad(f"the subprotocol here is {wanted}")
    if fault := _not_a_websocket(head):
        return fault
    return Upgrade(head.target, wanted if offered else None, visitor)


def _not_a_websocket(head: Head) -> Refusal | None:
    """What wsproto would refuse too, or fall over; here it gets an answer."""
    upgrade = head.only("upgrade").lower()
    if head.method != "GET" or upgrade != "websocket" or head.only("sec-websocket-version") != "13":
        return Refusal(HTTPStatus.UPGRADE_REQUIRED, "this door speaks WebSocket, version 13")
    if "upgrade" not in (word.strip().lower() for word in head.only("connection").split(",")):
        return bad("the Connection header must say Upgrade")
    if head.all("content-length") + head.all("transfer-encoding"):
        return bad("an upgrade has no body")
    if not _is_key(head.only("sec-websocket-key")):
        return bad("Sec-WebSocket-Key must be 16 bytes in base64")
    if not _is_host(head.only("host")):
        return bad("the Host header is missing or malformed")
    return None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except binascii.Error:
        return False


def _is_host(text: str) -> bool:
    try:
        return bool(text.encode("ascii").decode("idna"))
    except UnicodeError:
        return False


def bad(text: str) -> Refusal:
    """A request that nobody should have sent."""
    return Refusal(HTTPStatus.BAD_REQUEST, text)
