"""A line is a frame: for editors without a WebSocket client."""

from __future__ import annotations

import json

import trio

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine

HELLO = {"protocolVersion": 1, "clientInfo": {"name": "an-editor", "version": "1"}}


def line(key: int, method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params}).encode() + b"\n"


async def test_every_request_on_stdin_gets_its_reply(daemon: FakeDaemon, machine: Machine) -> None:
    asked = line(1, "initialize", **HELLO) + b"\n" + line(2, "ping") + line(3, "no/such").rstrip(b"\n")
    done = await machine.jelmore("connect", stdin=asked)
    assert done.code == Exit.OK
    welcome, pong, error = done.lines
    assert (welcome["id"], welcome["result"]["serverInfo"]["name"]) == (1, "jelmored")
    assert pong == {"jsonrpc": "2.0", "id": 2, "result": {}}
    assert error["error"]["code"] == -32601


async def test_notifications_come_as_lines_too(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1)
    session.tell("system", "two\nlines", {"subtype": "x"})
    asked = line(1, "initialize", **HELLO) + line(2, "session/subscribe", sessionId=session.id, after="start")
    done = await machine.jelmore("connect", stdin=asked + line(3, "ping"))
    methods = [message.get("method") for message in done.lines]
    assert methods == [None, None, "session/event", "session/caughtUp", None]


async def test_an_end_by_the_daemon_is_an_error(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.breaks_at.add("ping")
    with trio.fail_after(60):
        done = await machine.jelmore("connect", stdin=line(1, "initialize", **HELLO) + line(2, "ping"))
    assert done.code == Exit.NO_DAEMON
    assert "the daemon closed the connection" in done.err


async def test_no_daemon(machine: Machine) -> None:
    assert (await machine.jelmore("connect", "--no-spawn")).code == Exit.NO_DAEMON
