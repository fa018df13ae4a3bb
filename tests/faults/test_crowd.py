"""Crowds before the door: who waits without coming in, and who tries keys, takes nothing from an honest client."""

from __future__ import annotations

import os
import resource
import socket
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import structlog
import trio

from jelmored.control import server
from jelmored.control.guessing import MAX_FAILURES
from tests.control.stage import Stage, staged
from tests.control.wire import Wire, dial, dial_port, head
from tests.eventually import eventually

pytestmark = pytest.mark.soak

CROWD = 2000
HONEST_SECONDS = 0.05
GUESSES = 10_000
HALF = b"GET /v1 HTTP/1.1\r\nHost: "


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is logged of them nobody reads here."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Room for both ends of them all in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * CROWD), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def half_open(stage: Stage, door: str) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        made = []
        for _ in range(CROWD):
            one = stack.enter_context(socket.socket(socket.AF_UNIX if door == "socket" else socket.AF_INET))
            one.settimeout(10)
            made.append(one)
        yield made


async def crowd_in(stage: Stage, made: list[socket.socket], door: str) -> None:
    assert stage.port is not None
    where = str(stage.socket) if door == "socket" else (stage.port.host, stage.port.port)
    for one in made:
        await trio.to_thread.run_sync(one.connect, where)
        one.send(HALF)


async def honest(stage: Stage, door: str) -> Wire:
    assert stage.port is not None
    if door == "socket":
        wire, data = await dial(stage.socket), head()
    else:
        host, port = stage.port.host, stage.port.port
        wire = await dial_port(host, port)
        data = head("/v1", ("Host", f"{host}:{port}"), ("Authorization", f"Bearer {stage.token}"), without="Host")
    await wire.send(data)
    assert (await wire.head())[0] == 101
    return wire


@pytest.mark.parametrize("door", ["socket", "port"])
async def test_one_honest_client_among_two_thousand_that_never_finish(door: str, descriptors: None) -> None:
    async with staged(host="127.0.0.1") as stage:
        before = len(os.listdir("/proc/self/fd"))
        with half_open(stage, door) as made:
            await crowd_in(stage, made, door)
            start, waits = trio.current_time(), []
            while trio.current_time() - start < server.UPGRADE_SECONDS / 2:
                began = trio.current_time()
                async with await honest(stage, door):
                    waits.append(trio.current_time() - began)
            kept = len(os.listdir("/proc/self/fd")) - before - CROWD
            print(f"{door}: {len(waits)} came in, median {statistics.median(waits) * 1000:.1f} ms,", end=" ")
            print(f"longest {max(waits) * 1000:.1f} ms; {kept} of {CROWD} were held")
            assert kept <= server.MAX_WAITING + 10
            assert statistics.median(waits) <= HONEST_SECONDS
            await eventually(lambda: not stage.connections.nursery.child_tasks, server.UPGRADE_SECONDS + 1)
        await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before, 10)


async def test_ten_of_ten_thousand_keys_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(host="127.0.0.1") as stage:
        assert stage.port is not None
        host, port = stage.port.host, stage.port.port
        statuses: dict[int, int] = {}

        async def guess(numbers: Iterator[int]) -> None:
            for number in numbers:
                async with await dial_port(host, port) as wire:
                    shown = ("Authorization", f"Bearer admin.{number:043}")
                    await wire.send(head("/v1", ("Host", f"{host}:{port}"), shown, without="Host"))
                    status = (await wire.head())[0]
                statuses[status] = statuses.get(status, 0) + 1

        start, numbers = trio.current_time(), iter(range(GUESSES))
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(guess, numbers)
        minutes = (trio.current_time() - start) // 60 + 1
        print(f"{statuses} within {trio.current_time() - start:.0f} s")
        assert statuses[401] <= MAX_FAILURES * minutes
        assert statuses[401] + statuses[429] == GUESSES
        async with await dial(stage.socket) as wire:  # the socket is not the port
            await wire.send(head())
            assert (await wire.head())[0] == 101
