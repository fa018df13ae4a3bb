"""How a door knows its clients: on the Unix socket by their user, on a port by a token. Both ask whether a client is a
process of one of our own agents: such a one may look whether we live, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import attrs
import structlog
import trio

from jelmored import sockets
from jelmored.domain.scopes import Scope
from jelmored.process.descent import Origin, origin_of, origin_of_socket

from .gate import TOKEN_WORD, Refusal, bad
from .guessing import Guesses
from .head import Head
from .keyring import Keyring
from .principal import NetPeer, Peer, Visitor

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
LOOKERS = 2  # threads at once that look through /proc

CONFINED: Mapping[Origin, str] = {
    Origin.ELSEWHERE: "",
    Origin.AGENT: "this is a process of an agent of this daemon",
    Origin.UNKNOWN: "the process behind this connection has ended, or can't be looked at",
}
"""Why a client may do no more than an agent may; empty: it may do more."""

log = structlog.get_logger(__name__)


@attrs.frozen
class ByUser:
    """The guard of a Unix socket.

    Args:
        users: what the processes of each user may do; of others none may connect.
    """

    users: Mapping[int, Scope]

    def misdirected(self, head: Head, peer: Peer | NetPeer) -> Refusal | None:
        """Whoever has found the socket has meant it."""
        return None

    async def recognise(self, head: Head, peer: Peer | NetPeer) -> Visitor | Refusal:
        if not isinstance(peer, Peer) or peer.uid not in self.users:
            return Refusal(HTTPStatus.FORBIDDEN, "another user's daemon: its control.allow_users does not name you")
        origin = Origin.UNKNOWN if peer.gone else origin_of(peer.pid)
        return Visitor(scope=self.users[peer.uid], uid=peer.uid, pid=peer.pid, confined=CONFINED[origin])


class ByToken:
    """The guard of a port on loopback.

    Args:
        keyring: the tokens; it runs.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._guesses = Guesses()
        self._lookers = trio.CapacityLimiter(LOOKERS)

    def misdirected(self, head: Head, peer: Peer | NetPeer) -> Refusal | None:
        """A page that has made its own name point at us still says that name."""
        if isinstance(peer, NetPeer) and head.only("host").lower() in _names(*peer.ours):
            return None
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "the Host here is a name of loopback, with the port")

    async def recognise(self, head: Head, peer: Peer | NetPeer) -> Visitor | Refusal:
        """Who is behind the socket is asked before the token is looked at: failures count by user, those of our agents
        apart from those of the user whose agents they are, so that nobody locks anybody else out."""
        shown = _token_in(head)
        if not isinstance(peer, NetPeer) or isinstance(shown, Refusal):
            return shown if isinstance(shown, Refusal) else _unauthorized("a token is good at a port only")
        found = await trio.to_thread.run_sync(
            sockets.find, peer.theirs, peer.ours, limiter=self._lookers, abandon_on_cancel=True
        )
        return await self._compared(shown, found)

    async def _compared(self, shown: str, found: sockets.Socket | None) -> Visitor | Refusal:
        uid, origin = found.uid if found else None, await self._origin_of(found)
        peer, now = (uid, origin is Origin.ELSEWHERE), trio.current_time()
        if wait := self._guesses.wait_of(peer, now):
            return _too_many(wait)
        token = self._keyring.find(shown)
        if token is None:
            self._guesses.failed(peer, now)
            log.warning("a client showed what is no token of ours", uid=uid, confined=CONFINED[origin] or None)
            return _UNKNOWN_TOKEN
        return Visitor(scope=token.scope, uid=uid, token=token.name, key=token.digest, confined=CONFINED[origin])

    async def _origin_of(self, found: sockets.Socket | None) -> Origin:
        return await trio.to_thread.run_sync(origin_of_socket, found, limiter=self._lookers, abandon_on_cancel=True)


def _names(host: str, port: int) -> frozenset[str]:
    own = f"[{host}]" if ":" in host else host
    return frozenset(f"{name}:{port}" for name in (*LOOPBACK_NAMES, own))


def _token_in(head: Head) -> str | Refusal:
    """Of a program in its header; of a web page, which can't set one, among its subprotocols."""
    shown = [
        word.removeprefix(TOKEN_WORD)
        for word in head.words("sec-websocket-protocol")
        if word.startswith(TOKEN_WORD) and head.all("origin")
    ]
    if given := head.only("authorization"):
        scheme, _, text = given.partition(" ")
        shown += [text.strip()] if scheme.lower() == "bearer" else []
    if len(shown) > 1:
        return bad("more than one token")
    if not shown or not shown[0]:
        return _unauthorized("`Authorization: Bearer` with a token is missing; daemon.json names its file")
    return shown[0]


def _unauthorized(text: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, text, (("WWW-Authenticate", "Bearer"),))


_UNKNOWN_TOKEN = _unauthorized("this is no token of this daemon; `jelmored token list` tells where they are")


def _too_many(wait: float) -> Refusal:
    text = "too many wrong tokens; wait a minute"
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, (("Retry-After", str(math.ceil(wait))),))
