"""What whoever starts us hands to us: a service manager says where to tell it how we are, and how often, and gives us
sockets; a person gives a terminal."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

import attrs

from .manager import Manager
from .sockets import received
from .terminal import Terminal

NAMES = (
    "NOTIFY_SOCKET",
    *("WATCHDOG_USEC", "WATCHDOG_PID"),
    *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
)
"""They are meant for us alone: whoever inherited them could speak in our name."""


@attrs.frozen(kw_only=True)
class Handed:
    """
    Args:
        manager: told how we are.
        watchdog: seconds within which it wants to be told that we are alive; None: it does not.
        sockets: that it listens at for us, instead of ours.
        terminal: that we were started at.
    """

    manager: Manager = Manager()
    watchdog: float | None = None
    sockets: tuple[socket.socket, ...] = ()
    terminal: Terminal = Terminal()


NOTHING = Handed()
"""Nobody waits for us, and nobody watches."""


def take(environ: MutableMapping[str, str]) -> Handed:
    """Once, before anything is started: what is taken is in the environment no more.

    Raises:
        ConfigError: there are sockets that we can't listen at.
    """
    given = {name: environ.pop(name) for name in NAMES if name in environ}
    return Handed(
        manager=Manager(given.get("NOTIFY_SOCKET") or None),
        watchdog=_watchdog(given),
        sockets=received(given),
        terminal=Terminal.found(),
    )


def _watchdog(given: MutableMapping[str, str]) -> float | None:
    if given.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    usec = given.get("WATCHDOG_USEC", "")
    return int(usec) / 1_000_000 if usec.isdecimal() and int(usec) else None
