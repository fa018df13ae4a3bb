"""Whose port is it? While no daemon has it any user of the machine may listen there, and would be shown our token: so
the kernel is asked before. Only Linux tells; elsewhere, and of a port on another machine, it is not known."""

from __future__ import annotations

import ipaddress
import os
import pwd
import sys
import threading
import time
from typing import Any, Protocol

from jelmored import sockets

from .addresses import TcpAddress
from .errors import Stranger

LOOK_SECONDS = 0.01
ROOT = 0


class Connected(Protocol):
    """A socket, of Python's or of Trio's."""

    def getsockname(self) -> Any: ...

    def getpeername(self) -> Any: ...


def check(address: TcpAddress, stream: Connected, seconds: float) -> None:
    """Not a byte goes out before. Blocks: an end that nobody has accepted yet is nobody's, and is waited for.

    Args:
        address: whose token is to be shown, and to whom.
        stream: connected to it.
        seconds: to wait for that.

    Raises:
        Stranger: it is somebody else's.
        OSError: nobody takes the connection.
    """
    ours, theirs = stream.getsockname()[:2], stream.getpeername()[:2]
    here = theirs[0] == ours[0] or ipaddress.ip_address(theirs[0].partition("%")[0]).is_loopback
    if sys.platform != "linux" or not here:
        return
    end = time.monotonic() + seconds
    while (found := sockets.find(theirs, ours)) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"nobody takes the connection to {address}, or nobody can tell who has")
        threading.Event().wait(LOOK_SECONDS)
    if found.uid not in {os.getuid(), ROOT, *address.owners}:
        raise Stranger(str(address), _name(found.uid))


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
