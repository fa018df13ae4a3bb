"""Requests made from our own OpenRPC document, and spoiled, against a daemon's process: each has its one answer, of a
kind that the document knows, none is an error of ours, no connection ends, and nothing of the daemon is harmed.

`EXAMPLES=3000 pytest tests/fuzz/test_requests.py -s` is the long form (`make fuzz`). Hypothesis prints what failed, as
small as it can be made, and `--hypothesis-seed` gives the same examples again.
"""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from jelmored.control.methods import document
from tests import openrpc
from tests.control.wire import CLOSE, HELLO, PING, PONG, TEXT, frame, head, request

from .daemon import Daemon, running
from .requests import Requests, Said

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
FRAMES = 10  # of one client
PATIENCE = 20.0


class Client:
    """Says what it is told to, and reads."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(os.fspath(path))
        self._read = self._socket.makefile("rb")
        self._socket.sendall(head())
        while self._read.readline().strip():
            pass
        self.say(json.dumps({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": HELLO}))
        assert "result" in self.until("hello")[-1]

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._read.close()
        self._socket.close()

    def say(self, text: str) -> None:
        self._socket.sendall(frame(TEXT, text.encode()))

    def ask(self, method: str, **params: Any) -> Any:
        self._socket.sendall(request(method, 7, **params))
        return self.until(7)[-1]["result"]

    def until(self, key: object) -> list[Any]:
        """All that comes up to the answer to this id."""
        heard: list[Any] = []
        while not heard or "method" in heard[-1] or heard[-1].get("id") != key:
            heard.append(self.message())
        return heard

    def message(self) -> Any:
        while True:
            opcode, size = self._read.read(2)
            size = int.from_bytes(self._read.read({126: 2, 127: 8}[size]), "big") if size > 125 else size
            payload = self._read.read(size)
            assert opcode & 0x0F != CLOSE, payload
            if opcode & 0x0F == PING:
                self._socket.sendall(frame(PONG, payload))
            elif opcode & 0x0F == TEXT:
                return json.loads(payload)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as one:
        yield one


@contextmanager
def unharmed(daemon: Daemon) -> Iterator[list[str]]:
    """Two sessions to play with; a third one, that nobody was told of, is afterwards what it was."""
    with Client(daemon.socket) as client:
        ids = [client.ask("session/create", cwd=str(daemon.root), prompt=f"say {n}")["sessionId"] for n in range(3)]
    yield ids[:2]
    with Client(daemon.socket) as client:
        seen = client.ask("session/history", sessionId=ids[2])["events"]
        assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
        assert seen[0]["content"] == "say 2"
        status = client.ask("daemon/status")
        assert status["journal"]["ok"]
        assert status["connections"] == 1
    assert not [line for line in daemon.log.splitlines() if "a request failed" in line or "Traceback" in line]
    assert daemon.stop() == 0


def test_requests(daemon: Daemon) -> None:
    kinds: Counter[str] = Counter()
    with unharmed(daemon) as ids:
        known: dict[str, list[Any]] = {
            "sessionId": ids,
            "cwd": [str(daemon.root)],
            "provider": ["demo"],
            "protocolVersion": [1],
        }
        requests = Requests(document(), known)

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        @given(requests.talk(FRAMES))
        def talk(said: list[Said]) -> None:
            with Client(daemon.socket) as client:
                kinds.update(_told(client, said))

        talk()
    print(f"{EXAMPLES} clients; answers by kind: {dict(kinds)}")
    assert {"ok", "parse-error", "invalid-message", "invalid-params", "not-found"} <= set(kinds)


def _told(client: Client, said: list[Said]) -> Iterator[str]:
    """The kinds of the answers, each of them checked."""
    methods: dict[object, str | None] = {
        one.key: one.method for one in said if one.key is not None and _is_json(one.text)
    }
    for one in said:
        client.say(one.text)
    wanted = {*methods, "last"}
    client.say('{"jsonrpc":"2.0","id":"last","method":"ping"}')
    answered: Counter[object] = Counter()
    while wanted - set(answered):
        answer = client.message()
        if "method" in answer:
            continue
        assert answer["jsonrpc"] == "2.0"
        key = answer["id"] if isinstance(answer["id"], str | int | None) else repr(answer["id"])
        answered[key] += 1
        if "error" in answer or key in methods:
            assert not openrpc.faults_of_answer(answer, methods.get(key)), answer
        kind = answer["error"]["data"]["kind"] if "error" in answer else "ok"
        assert kind != "internal", answer
        yield kind
    assert all(answered[key] == 1 for key in wanted), answered


def _is_json(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
