"""The service manager that has started us, and the words that it knows: systemd's sd_notify(3), a datagram each."""

from __future__ import annotations

import os
import socket
import time

import attrs
import structlog

PATIENCE = 0.1
"""Seconds that the loop stands still at most, for a manager that does not listen now."""

log = structlog.get_logger(__name__)


@attrs.frozen
class Manager:
    """Where there is none, nothing is said. What can't be said is logged: no fault of the manager is one of ours.

    Args:
        address: of its socket, as NOTIFY_SOCKET has it: a path, or `@` and an abstract name. None for no manager.
    """

    address: str | None = None

    @property
    def is_there(self) -> bool:
        """Somebody listens to what we say."""
        return self.address is not None

    def ready(self) -> None:
        """We serve; what waits for us may begin. Also after `reloading`."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The configuration is read anew; `ready` says that it has been."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within: float) -> None:
        """We stop. The manager waits so many seconds at least, or until `extend` says more."""
        self._tell("STOPPING=1", "STATUS=stopping", _extended(within))

    def extend(self, seconds: float) -> None:
        """What is under way, a start or a stop, takes so many seconds more: until then it is to be told again."""
        self._tell(_extended(seconds))

    def status(self, words: str) -> None:
        """A line for people who ask the manager how we are."""
        self._tell(f"STATUS={words}")

    def alive(self) -> None:
        """We are well: the watchdog's time begins anew."""
        self._tell("WATCHDOG=1")

    def _tell(self, *words: str) -> None:
        if self.address is None:
            return
        to = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(PATIENCE)
                out.sendto("\n".join(words).encode(), os.fsencode(to))
        except OSError as error:
            log.warning("the service manager could not be told", words=words[0], error=str(error))


def _extended(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}"
