"""What a caller of the client can meet: the daemon says no, it is not there, or it has gone.

ClientError
├─ RpcError        the daemon understood and refused (protocol 1, section 5)
├─ Rejected        the daemon did not let us in
├─ NoDaemon        none runs, or none could be started
│  └─ Stranger     another user has the port: it was not shown our token
├─ Disconnected    it was there and has gone; what was asked may have taken effect or not
├─ Unclear         a word of the command line names nothing, or too much
└─ Misused         the command line asks for nothing that could be done
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jelmored.errors import JelmoreError


class ClientError(JelmoreError):
    """The root of what the client raises by itself."""


class RpcError(ClientError):
    """An error reply.

    Args:
        code: of JSON-RPC.
        kind: the stable name to match on, one of `jelmored.errors.ErrorKind` or a newer daemon's.
        message: for a person; says what to do.
        data: the reply's whole `data`.
    """

    def __init__(self, code: int, kind: str, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.message = message
        self.data = dict(data)

    @property
    def remedy(self) -> str | None:
        """The one thing to do about it, where the daemon knows one."""
        remedy = self.data.get("remedy")
        return remedy if isinstance(remedy, str) else None

    @property
    def retryable(self) -> bool:
        """The same request may succeed later, unchanged."""
        return self.data.get("retryable") is True


class Rejected(ClientError):
    """The door stayed shut: the handshake was answered with an HTTP status (protocol 1, section 1).

    Args:
        status: of HTTP.
        text: the daemon's line about it.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the daemon refused the connection: {status} {text}".rstrip())
        self.status = status


class NoDaemon(ClientError):
    """No daemon runs where we looked, and none was started. The message says where, and what its log says."""


class Stranger(NoDaemon):
    """Another user has the port. It was shown nothing.

    Args:
        where: the address.
        who: has it.
    """

    def __init__(self, where: str, who: str) -> None:
        told = f"{where} is a port of {who}, not of yours: no token was shown to it"
        remedy = "use the socket; or, if that user may have your token, name it: JELMORE_PORT_USER"
        super().__init__(f"{told}. {remedy}")


class Disconnected(ClientError):
    """The connection is lost.

    Args:
        reason: for a person.
        code: of the WebSocket's close frame, None when there was none.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class Unclear(ClientError):
    """What was meant can't be told: nothing goes by that name, or several things do. The message lists them."""


class Misused(ClientError):
    """Nothing was done: what was asked for makes no sense as it stands."""
