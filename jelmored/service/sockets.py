"""Sockets that the service manager listens at before we are there, and after: LISTEN_FDS, see sd_listen_fds(3).

They stay the manager's: whoever connects while no daemon runs waits in them for the next one.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping

from jelmored.errors import ConfigError

FIRST = 3
NETWORK = (socket.AF_INET, socket.AF_INET6)


def received(given: Mapping[str, str], *, first: int = FIRST) -> tuple[socket.socket, ...]:
    """All of them, checked. No program that we start inherits one.

    Args:
        given: the variables, as they were in the environment.
        first: descriptor.

    Raises:
        ConfigError: one is nothing that we would listen at; every one of these is named.
    """
    count = given.get("LISTEN_FDS", "")
    if given.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return ()
    names = given.get("LISTEN_FDNAMES", "").split(":")
    handed: list[socket.socket] = []
    faults: list[str] = []
    for number in range(int(count)):
        name = names[number] if number < len(names) else "unknown"
        try:
            handed.append(_checked(first + number))
        except (OSError, ValueError) as wrong:
            faults.append(f"socket {name} (descriptor {first + number}), of the service manager: {wrong}")
    if faults:
        for one in handed:
            one.close()
        raise ConfigError(faults)
    return tuple(handed)


def _checked(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    handed = socket.socket(fileno=descriptor)
    if fault := next(_faults(handed), None):
        handed.detach()
        raise ValueError(fault)
    handed.setblocking(False)
    return handed


def _faults(handed: socket.socket) -> Iterator[str]:
    if handed.type != socket.SOCK_STREAM:
        yield "it is no stream: use ListenStream="
    elif handed.family not in (socket.AF_UNIX, *NETWORK):
        yield "only Unix sockets and ports on loopback are taken"
    elif not handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        yield "it is a connection: use Accept=no"
    elif handed.family in NETWORK:
        if not ipaddress.ip_address(handed.getsockname()[0]).is_loopback:
            yield f"{handed.getsockname()[0]} is not loopback: give ListenStream= an address like 127.0.0.1:7000"
    elif not isinstance(handed.getsockname(), str) or not handed.getsockname():
        yield "it has no path: clients find the daemon by its path"
