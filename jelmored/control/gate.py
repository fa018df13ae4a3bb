"""Who comes in: one decision over the head of the request, before trio-websocket sees it (protocol 1, section 1).

wsproto decodes headers without a guard and keeps the Host to itself, so the head is read and judged here, as bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from http import HTTPStatus

import attrs

from jelmored.domain.scopes import Scope

from .principal import Peer

MAX_HEAD_BYTES = 16 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SINGLE = ("host", "origin", "authorization")


@attrs.frozen
class Refusal:
    """An HTTP answer instead of the 101. `text` is one line for a person."""

    status: HTTPStatus
    text: str

    def encode(self) -> bytes:
        body = f"{self.text}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Sec-WebSocket-Version: 13",
            "Connection: close",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@attrs.frozen
class Upgrade:
    """Come in."""

    path: str
    subprotocol: str | None
    scope: Scope


@attrs.frozen(kw_only=True)
class Door:
    """What a door lets in.

    Args:
        subprotocols: of each path that there is.
        allowed_origins: web origins that may connect, each as a browser sends it.
        users: what the processes of each user may do; of others none may connect.
    """

    subprotocols: Mapping[str, str]
    allowed_origins: Collection[str] = ()
    users: Mapping[int, Scope]


@attrs.frozen
class Head:
    """The head of a request: header names in lower case, in the order they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.headers if key == name)

    def only(self, name: str) -> str:
        """The value of a header that stands there once; empty if it does not."""
        values = self.all(name)
        return values[0] if len(values) == 1 else ""

    def words(self, name: str) -> tuple[str, ...]:
        """The parts of a list that may stand in several headers."""
        return tuple(part.strip() for value in self.all(name) for part in value.split(",") if part.strip())


def parse(data: bytes) -> Head | None:
    """None: this is no HTTP/1.1 request, or one that a WebSocket client would not send."""
    head, _, early = data.partition(b"\r\n\r\n")
    if early or not head.isascii():  # a client waits for the 101 before it says more
        return None
    request, *lines = head.decode("ascii").split("\r\n")
    match request.split(" "):
        case [method, target, "HTTP/1.1"] if request.isprintable():
            headers = tuple(_header(line) for line in lines)
            return None if None in headers else Head(method, target, tuple(filter(None, headers)))
    return None


def _header(line: str) -> tuple[str, str] | None:
    name, colon, value = line.partition(":")
    sane = colon and _NAME.fullmatch(name) and value.replace("\t", " ").isprintable()
    return (name.lower(), value.strip()) if sane else None


def judge(data: bytes | None, peer: Peer, door: Door, *, full: bool) -> Upgrade | Refusal:
    """The whole decision, in the order of protocol 1, section 1.

    Args:
        data: all that came before we answered, None if that was no head.
        peer: who connected, as the kernel says.
        full: there is no place for another client.
    """
    if full:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients; close one and try again")
    head = parse(data) if data is not None else None
    if head is None:
        return _bad("this is not the request of a WebSocket client")
    path, question, _ = head.target.partition("?")
    if path not in door.subprotocols:
        return Refusal(HTTPStatus.NOT_FOUND, f"there is {', '.join(door.subprotocols)} here")
    for name in _SINGLE:
        if len(head.all(name)) > 1:
            return _bad(f"more than one {name.capitalize()} header")
    if question:
        return _bad("nothing may follow the path; a token belongs into the Authorization header, never into a URL")
    return _judge_who(head, peer, door) or _judge_what(head, path, door, door.users[peer.uid])


def _judge_who(head: Head, peer: Peer, door: Door) -> Refusal | None:
    for origin in head.all("origin"):
        if origin == "null" or origin not in door.allowed_origins:
            return Refusal(HTTPStatus.FORBIDDEN, "this web origin is not in control.allowed_origins")
    if peer.uid not in door.users:
        return Refusal(HTTPStatus.FORBIDDEN, "another user's daemon")
    return None


def _judge_what(head: Head, path: str, door: Door, scope: Scope) -> Upgrade | Refusal:
    wanted, offered = door.subprotocols[path], head.words("sec-websocket-protocol")
    if offered and wanted not in offered:
        return _bad(f"the subprotocol here is {wanted}")
    if fault := _not_a_websocket(head):
        return fault
    return Upgrade(path, wanted if offered else None, scope)


def _not_a_websocket(head: Head) -> Refusal | None:
    """What wsproto would refuse too, or fall over; here it gets an answer."""
    upgrade = head.only("upgrade").lower()
    if head.method != "GET" or upgrade != "websocket" or head.only("sec-websocket-version") != "13":
        return Refusal(HTTPStatus.UPGRADE_REQUIRED, "this door speaks WebSocket, version 13")
    if "upgrade" not in (word.strip().lower() for word in head.only("connection").split(",")):
        return _bad("the Connection header must say Upgrade")
    if head.all("content-length") + head.all("transfer-encoding"):
        return _bad("an upgrade has no body")
    if not _is_key(head.only("sec-websocket-key")):
        return _bad("Sec-WebSocket-Key must be 16 bytes in base64")
    if not _is_host(head.only("host")):
        return _bad("the Host header is missing or malformed")
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


def _bad(text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, text)
