"""Where a daemon's door is: a Unix socket, or a port on loopback with its token (protocol 1, sections 1 and 6)."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from .errors import NoDaemon
from .places import Places

UNIX_SCHEME = "ws+unix://"


@attrs.frozen
class UnixAddress:
    path: str

    def __str__(self) -> str:
        return self.path


@attrs.frozen
class TcpAddress:
    """`token_file`: where the token was read, and is read again before each connection: it may have been replaced."""

    host: str
    port: int
    token: str = attrs.field(repr=False)
    token_file: str | None = attrs.field(default=None, eq=False)
    owners: frozenset[int] = frozenset()
    """Users that may have the port, beside ourselves and root."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def now(self) -> TcpAddress:
        """With the token that is good now. Raises `NoDaemon` if it can't be read."""
        return self if self.token_file is None else attrs.evolve(self, token=_token(self.token_file))


Address = UnixAddress | TcpAddress


def named(environ: Mapping[str, str]) -> Address | None:
    """The address that the environment names: `JELMORE_SOCKET`, or `JELMORE_URL` with `JELMORE_TOKEN_FILE`,
    and `JELMORE_PORT_USER` where another user has that port.

    Raises:
        NoDaemon: what it names is no address of ours, or no user, or the token can't be read.
    """
    if socket := environ.get("JELMORE_SOCKET"):
        return UnixAddress(socket)
    if url := environ.get("JELMORE_URL"):
        return parse(url, environ.get("JELMORE_TOKEN_FILE"), _uids(environ.get("JELMORE_PORT_USER")))
    return None


def parse(url: str, token_file: str | None, owners: frozenset[int] = frozenset()) -> Address:
    """`ws+unix:///abs/control.sock:/v1` or `ws://127.0.0.1:PORT/v1`."""
    if url.startswith(UNIX_SCHEME):
        return UnixAddress(url.removeprefix(UNIX_SCHEME).partition(":")[0])
    parts = urlsplit(url)
    if parts.scheme != "ws" or parts.hostname is None or parts.port is None:
        raise NoDaemon(f"{url!r} is no address of a daemon: ws://127.0.0.1:PORT/v1 or {UNIX_SCHEME}/PATH:/v1")
    return TcpAddress(parts.hostname, parts.port, _token(token_file), token_file, owners)


def _uids(user: str | None) -> frozenset[int]:
    """Of a user by its name or its number."""
    if not user:
        return frozenset()
    try:
        return frozenset({int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid})
    except KeyError:
        raise NoDaemon(f"JELMORE_PORT_USER: there is no user {user!r}") from None


def running(places: Places) -> Address | None:
    """The address of the daemon that lives in these places; None for none, or one that is not ready yet."""
    if not places.alive():
        return None
    notice = places.notice()
    return UnixAddress(notice.socket) if notice else None


def awaited(places: Places) -> Address | None:
    """The address at which a service manager waits for us, to start the daemon when somebody comes; None for none.

    To ask is to come: it starts the daemon.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        try:
            caller.connect(os.fspath(places.socket))
        except BlockingIOError:  # others wait there already
            pass
        except (OSError, ValueError):
            return None
    return UnixAddress(os.fspath(places.socket))


def _token(token_file: str | None) -> str:
    if token_file is None:
        raise NoDaemon("JELMORE_URL needs JELMORE_TOKEN_FILE: the file with the daemon's token")
    try:
        return Path(token_file).read_text().strip()
    except OSError as error:
        raise NoDaemon(f"the token can't be read: {error}") from None
