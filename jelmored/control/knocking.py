"""A knock at our own door: whether whoever comes is answered, asked as a stranger would."""

from __future__ import annotations

import os
from pathlib import Path

import trio

KNOCK = b"GET /knock HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def knock(path: Path) -> None:
    """Returns when the daemon has answered at its Unix socket: that there is no such page.

    Raises:
        OSError: nobody listens there, or whoever does hangs up.
        trio.BrokenResourceError: the connection was cut.
    """
    async with await trio.open_unix_socket(os.fspath(path)) as stream:
        await stream.send_all(KNOCK)
        if not await stream.receive_some(1):
            raise OSError("the door was shut without a word")
