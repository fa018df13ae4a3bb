"""Which daemon is meant: the one that the environment names, else the one that lives in our places, or that a service
manager starts there when somebody comes, else a new one."""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from .addresses import Address, TcpAddress, UnixAddress, awaited, named, running
from .errors import NoDaemon
from .managing import unit_behind
from .places import Places
from .starting import Starter
from .units import own_unit

PATIENCE = 5.0  # seconds for a daemon that holds its lock to open its door


@attrs.frozen
class Finder:
    """Where to look, and whether to start one.

    Args:
        named: an address that is meant and no other.
        places: else the places to look in.
        starter: starts a daemon there when none lives; None to refuse.
    """

    named: Address | None
    places: Places
    starter: Starter | None
    environ: Mapping[str, str] = attrs.field(default=os.environ, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], *, spawn: bool) -> Finder:
        places = Places.of(environ)
        return cls(
            named=named(environ),
            places=places,
            starter=Starter(places, unit=own_unit(environ)) if spawn else None,
            environ=environ,
        )

    async def account(self) -> str:
        """What systemd says of the unit that it was to start for us, as we came to its door; nothing, if none was."""
        address = self.named or UnixAddress(str(self.places.socket))
        if not isinstance(address, UnixAddress) or (unit := await unit_behind(address.path, self.environ)) is None:
            return ""
        return await unit.account(self.environ)

    @property
    def patience(self) -> float:
        """Seconds to try what was found, before the first connection."""
        return PATIENCE if self.named is None else 0

    async def prepare(self) -> None:
        """See to it that there is a daemon to be found.

        Raises:
            NoDaemon: there is none, and none is to be or can be started.
        """
        if self.named is not None or self.places.alive() or awaited(self.places):
            return
        if self.starter is None:
            raise NoDaemon(f"no daemon runs (looked in {self.places.runtime}); `jelmore daemon start` starts one")
        await self.starter.start()

    def find(self) -> Address:
        """The daemon's address as it is now; a daemon that was started anew may have another.

        Raises:
            NoDaemon: none lives, or it is not ready.
        """
        address = self.named or running(self.places) or awaited(self.places)
        if address is None:
            raise NoDaemon(f"no daemon is ready in {self.places.runtime}")
        return address.now() if isinstance(address, TcpAddress) else address
