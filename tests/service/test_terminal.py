"""A daemon at a real terminal, which closes."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from jelmored.service.terminal import Terminal
from tests.client_raw import RawClient, connect
from tests.watch import PATIENCE

from .managed import Unit, managed
from .test_upgrade import at_work, deny

AT_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(terminal, stream)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Whoever leads a session gets as its own the terminal that it opens first. These tests may run under nohup."""

NOHUP = ("sh", "-c", """trap '' HUP; exec "$@" """, "sh")
"""It also keeps the terminal."""


@attrs.define
class Window:
    """The far end of a terminal; nobody reads what is written at it."""

    ends: list[int] = attrs.field(factory=lambda: list(os.openpty()))

    @property
    def before(self) -> tuple[str, ...]:
        """Starts a program at it."""
        return (sys.executable, "-c", AT_TERMINAL, os.ttyname(self.ends[1]))

    def close(self) -> None:
        while self.ends:
            os.close(self.ends.pop())


@pytest.fixture
def window() -> Iterator[Window]:
    made = Window()
    yield made
    made.close()


async def lines_lost(client: RawClient) -> int:
    lost: int = (await client.request("daemon/status"))["logLost"]
    return lost


async def reloads(unit: Unit, client: RawClient) -> None:
    """SIGHUP makes it read its configuration again."""
    config = unit.root / "config.toml"
    config.write_text(f"max_total_sessions = 7\n{config.read_text()}")
    os.kill((await client.request("daemon/status"))["pid"], signal.SIGHUP)
    with trio.fail_after(PATIENCE):
        while not await _counts(client):  # noqa: ASYNC110 – it tells nobody
            await trio.sleep(0.02)


async def _counts(client: RawClient) -> bool:
    settings = (await client.request("config/get"))["settings"]
    return any(one["key"] == "max_total_sessions" and one["value"] == 7 for one in settings)


async def test_it_stops_when_its_terminal_closes_and_lets_turns_end_first(root: Path, window: Window) -> None:
    async with managed(root, before=window.before, sessions="drain_seconds = 600") as unit:
        async with connect(unit.socket) as client:
            session_id = await at_work(client, root)
            window.close()
            await unit.ear.hears("STOPPING=1")
            unit.signal(signal.SIGHUP)  # as a shell does beside the system
            assert (await client.request("daemon/status"))["draining"]
            assert await lines_lost(client) > 0
            await deny(client, session_id)
            assert await client.wait_closed() == 1001
        assert await unit.ended() == 0
    assert not (root / "s" / "journal.db-wal").exists()


async def test_a_sighup_at_a_terminal_that_is_there_makes_it_read_its_configuration(root: Path, window: Window) -> None:
    async with managed(root, before=window.before) as unit, connect(unit.socket) as client:
        await reloads(unit, client)
        assert await unit.stop() == 0


async def test_by_nohup_it_outlives_its_terminal(root: Path, window: Window) -> None:
    async with managed(root, before=(*window.before, *NOHUP)) as unit, connect(unit.socket) as client:
        window.close()
        await reloads(unit, client)
        assert await unit.stop() == 0


async def test_without_a_terminal_it_has_none_to_lose(root: Path) -> None:
    async with managed(root, before=("setsid", "--wait")) as unit, connect(unit.socket) as client:
        await reloads(unit, client)
        os.kill((await client.request("daemon/status"))["pid"], signal.SIGTERM)
        assert await unit.ended() == 0


def test_one_that_is_none_of_ours_never_closes() -> None:
    assert not Terminal().closed


@pytest.mark.parametrize(("error", "closed"), [(errno.ENXIO, True), (errno.EIO, True), (errno.EMFILE, False)])
def test_what_else_goes_wrong_is_no_end_of_it(monkeypatch: pytest.MonkeyPatch, error: int, closed: bool) -> None:
    def fails(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", fails)
    assert Terminal(is_ours=True).closed is closed
