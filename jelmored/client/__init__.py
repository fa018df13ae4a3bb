"""The Trio client of jelmored.

    async with open_client() as client:
        session = await client.create_session(".", "Say hello")
        async for output in session.stream_output():
            ...

The `jelmore` command stands on it: `main`, `commands/`, `terminal/`. Names are loaded when they are first used, so
that the command answers `--help` and a shell's TAB without any of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta

    from .client import Client, open_client
    from .errors import ClientError, Disconnected, NoDaemon, Rejected, RpcError
    from .finding import Finder
    from .outputs import ConnectionLost, Output
    from .places import Places
    from .session import Session
    from .starting import Starter
    from .stream import OutputStream

HOMES = {
    "jelmored.wire.messages": ("CaughtUp", "ItemVoided", "SessionDelta"),
    ".client": ("Client", "open_client"),
    ".errors": ("ClientError", "Disconnected", "NoDaemon", "Rejected", "RpcError"),
    ".finding": ("Finder",),
    ".outputs": ("ConnectionLost", "Output"),
    ".places": ("Places",),
    ".session": ("Session",),
    ".starting": ("Starter",),
    ".stream": ("OutputStream",),
}
"""The modules of the public names; a test holds them equal to `__all__`."""

__all__ = [
    "CaughtUp",
    "Client",
    "ClientError",
    "ConnectionLost",
    "Disconnected",
    "Finder",
    "ItemVoided",
    "NoDaemon",
    "Output",
    "OutputStream",
    "Places",
    "Rejected",
    "RpcError",
    "Session",
    "SessionDelta",
    "Starter",
    "open_client",
]


def __getattr__(name: str) -> Any:
    """A public name, once."""
    for home, names in HOMES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(home, __name__), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
