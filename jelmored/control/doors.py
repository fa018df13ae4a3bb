"""The doors that the configuration asks for: the Unix socket always, a port on loopback if it wants one."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from jelmored.actors.running import Service
from jelmored.config.checks import loopback
from jelmored.config.places import Places
from jelmored.config.settings import AllowedUser, ControlSettings
from jelmored.domain.scopes import Scope

from .dialogue import PATH
from .guards import ByToken, ByUser
from .keyring import Keyring
from .listeners import HandedPort, HandedSocket, Listeners, LoopbackPort, UnixSocket, Way
from .server import Connections
from .tokens import DEFAULT, TokenFiles

SHARED = 0o666  # of a socket that other users come to; who they are is asked of the kernel, by each connection

log = structlog.get_logger(__name__)


class Doors:
    """What stands between the machine and `Connections`.

    Args:
        settings: of the control socket.
        places: prepared.
        connections: of all doors.
        handed: sockets that listen already, to be used instead of our own: a Unix socket instead of ours, a port on
            loopback instead of `control.tcp`.
    """

    def __init__(
        self,
        settings: ControlSettings,
        places: Places,
        connections: Connections,
        handed: Sequence[socket.socket] = (),
    ) -> None:
        self._places = places
        self._shared = bool(settings.allow_users)
        unix = [HandedSocket(one) for one in handed if one.family == socket.AF_UNIX]
        ports: list[LoopbackPort | HandedPort] = [HandedPort(one) for one in handed if one.family != socket.AF_UNIX]
        if not ports and settings.tcp:
            ports = [LoopbackPort(*loopback(settings.tcp))]
        self._port = ports[0] if ports else None
        self._keyring = Keyring(TokenFiles(places.tokens), connections.expel)
        own = UnixSocket(places.socket, SHARED if self._shared else 0o600)
        self._sockets: Sequence[UnixSocket | HandedSocket] = unix or [own]
        users = ByUser(_users(settings.allow_users))
        ways = [Way(one, users) for one in self._sockets]
        ways += [Way(port, ByToken(self._keyring)) for port in ports]
        self.listeners = Listeners(ways, connections)

    @property
    def socket(self) -> Path:
        """The one at which clients find us."""
        return self._sockets[0].path

    @property
    def before(self) -> Sequence[Service]:
        """What must run before the listeners, and until they are gone."""
        return [self._keyring.run] if self._port else []

    def notice(self) -> Mapping[str, str]:
        """What clients must know of a port (protocol 1, section 6), once the listeners are up."""
        if self._shared and (closed := self._places.closed_to_others()):
            log.warning("other users can't reach the socket", closed=str(closed), remedy="give another --runtime-dir")
        if self._port is None:
            return {}
        file = self._keyring.files.path(DEFAULT)
        return {"url": f"{self._port.url}{PATH}", **({"tokenFile": str(file)} if file.exists() else {})}


def _users(allowed: Sequence[AllowedUser]) -> Mapping[int, Scope]:
    """By uid; we ourselves may do everything, whatever is said of us."""
    named = {pwd.getpwnam(user.name).pw_uid: user.scope for user in allowed}
    return {**named, os.getuid(): Scope.ADMIN}
