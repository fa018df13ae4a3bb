"""A client in a process of its own, that may hide where it comes from:
`python -m tests.control.insider HOW SOCKET METHOD…` or `… HOW HOST:PORT:TOKEN METHOD…`.

It says hello and asks each method; a line for each: its name, and `yes` or the kind of the error.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from tests.control.wire import HELLO, head, request


def plainly() -> None:
    """As who it is."""


def twice_forked() -> None:
    """Forgotten by who has started it, in a session of its own."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)


def orphaned() -> None:
    """The parent waits until its child is done, and then the child's parent is gone."""
    if os.fork():
        time.sleep(0.2)
        os._exit(0)
    time.sleep(0.4)


def abandoned() -> None:
    """Whoever has connected is gone."""
    if os.fork():
        os._exit(0)
    time.sleep(0.2)


def as_nobody() -> None:
    """Another user."""
    become(65534)


def as_daemon() -> None:
    """And another one."""
    become(1)


def become(uid: int) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


BEFORE: dict[str, Callable[[], None]] = {
    "plainly": plainly,
    "twice-forked": twice_forked,
    "orphaned": orphaned,
    "as-nobody": as_nobody,
    "as-daemon": as_daemon,
}
AFTER: dict[str, Callable[[], None]] = {"abandoned": abandoned}


def connected(where: str) -> tuple[socket.socket, bytes]:
    """And the head to send."""
    if where.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(where)
        return client, head()
    host, port, token = where.split(":")
    data = head("/v1", ("Host", f"{host}:{port}"), ("Authorization", f"Bearer {token}"), without="Host")
    return socket.create_connection((host, int(port))), data


def main(how: str, where: str, *methods: str) -> None:
    BEFORE.get(how, plainly)()
    try:
        client, data = connected(where)
    except OSError as error:
        print(type(error).__name__)
        return
    AFTER.get(how, plainly)()
    client.settimeout(10)
    client.sendall(data)
    heard = client.makefile("rb")
    status = heard.readline().split()[1].decode()
    if status != "101":
        print("refused", status)
        return
    while heard.readline() not in {b"\r\n", b""}:
        pass
    client.sendall(request("initialize", 0, **HELLO))
    reply(heard)
    for number, method in enumerate(methods, 1):
        client.sendall(request(method, number))
        print(method, reply(heard), flush=True)


def reply(heard: BinaryIO) -> str:
    while True:
        size = heard.read(2)[1]
        if size > 125:
            size = int.from_bytes(heard.read(2 if size == 126 else 8), "big")
        message = json.loads(heard.read(size))
        if "id" in message:
            return str(message["error"]["data"]["kind"]) if "error" in message else "yes"


if __name__ == "__main__":
    main(*sys.argv[1:])
