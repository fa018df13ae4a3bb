"""The Trio client of jelmored.

    async with open_client() as client:
        session = await client.create_session(".", "Say hello")
        async for output in session.stream_output():
            ...

The `jelmore` command stands on it: `main`, `commands/`, `terminal/`.
"""

from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta

from .client import Client, open_client
from .errors import ClientError, Disconnected, NoDaemon, Rejected, RpcError
from .finding import Finder
from .outputs import ConnectionLost, Output
from .places import Places
from .session import Session
from .starting import Starter
from .stream import OutputStream

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
