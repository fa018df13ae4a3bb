"""Questions to the daemon by blocking calls, for a program that must be gone in a blink: a shell waits on TAB.

Trio and the typed client take longer to load than such an answer may take. What comes back is JSON as it is.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Message, Ping, Request
from wsproto.utilities import ProtocolError

from jelmored import __version__

from .addresses import Address, TcpAddress
from .owning import check

CHUNK = 64 * 1024


@contextmanager
def glimpse(address: Address, seconds: float) -> Iterator[Glimpse]:
    """A connection that is greeted, for so many seconds in all.

    Raises:
        OSError: nobody is there, or it takes too long.
        ValueError: what answers is no daemon of ours.
        Stranger: the port is another user's.
    """
    with _open(address, seconds) as stream:
        look = Glimpse(stream, time.monotonic() + seconds)
        look.greet(address)
        yield look


@attrs.define
class Glimpse:
    """See `glimpse`."""

    _stream: socket.socket
    _end: float
    _websocket: WSConnection = attrs.field(factory=lambda: WSConnection(ConnectionType.CLIENT))
    _asked: int = 0

    def greet(self, address: Address) -> None:
        """The handshake, and `initialize`."""
        self._send(_request(address))
        if not isinstance(next(self._events()), AcceptConnection):
            raise ValueError("the door stays shut")
        hello = {"name": "jelmore", "version": __version__}
        self.ask("initialize", {"protocolVersion": 1, "clientInfo": hello, "capabilities": {"deltas": False}})

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result; `ValueError` when the daemon refuses."""
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        self._send(Message(data=json.dumps(request)))
        while (reply := self._message()).get("id") != self._asked:
            pass  # a notification
        if "error" in reply:
            raise ValueError(reply["error"].get("message"))
        return reply["result"]

    def _message(self) -> dict[str, Any]:
        text = ""
        for event in self._events():
            if isinstance(event, Message):
                text += str(event.data)
                if event.message_finished:
                    break
        message: dict[str, Any] = json.loads(text)
        return message

    def _events(self) -> Iterator[Any]:
        """What comes, until who asks has what they need."""
        while True:
            for event in self._websocket.events():
                if isinstance(event, Ping):
                    self._send(event.response())
                else:
                    yield event
            self._receive()

    def _receive(self) -> None:
        self._wait()
        if not (data := self._stream.recv(CHUNK)):
            raise ConnectionError("the daemon has gone")
        try:
            self._websocket.receive_data(data)
        except ProtocolError as error:
            raise ValueError(str(error)) from None

    def _send(self, event: Any) -> None:
        self._wait()
        self._stream.sendall(self._websocket.send(event))

    def _wait(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the daemon takes too long")
        self._stream.settimeout(left)


def _request(address: Address) -> Request:
    if not isinstance(address, TcpAddress):
        return Request(host="localhost", target="/v1", subprotocols=["jelmored.v1"])
    token = [(b"Authorization", b"Bearer " + address.token.encode())]
    return Request(host=str(address), target="/v1", subprotocols=["jelmored.v1"], extra_headers=token)


def _open(address: Address, seconds: float) -> socket.socket:
    if isinstance(address, TcpAddress):
        stream = socket.create_connection((address.host, address.port), timeout=seconds)
        try:
            check(address, stream, seconds)
        except BaseException:
            stream.close()
            raise
        return stream
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(seconds)
    try:
        stream.connect(address.path)
    except OSError:
        stream.close()
        raise
    return stream
