"""The head of a request to upgrade, as bytes became values: before trio-websocket sees it, and with the Host.

wsproto decodes headers without a guard and keeps the Host to itself, so the head is read here.
"""

from __future__ import annotations

import re

import attrs

MAX_HEAD_BYTES = 16 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


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
