"""The whole daemon as a process of its own, with the demo agent: what only all of it together can show."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

import jelmored
from jelmored.control.server import CLOSE_SECONDS

from .client_raw import RawClient, connect
from .eventually import eventually

STOP_SECONDS = 20


@attrs.frozen
class Daemon:
    process: trio.Process
    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "r" / "control.sock"

    async def ready(self) -> None:
        assert self.process.stdout is not None
        assert json.loads(await self.process.stdout.receive_some())["ready"]

    async def ended(self) -> int:
        """Its exit code."""
        with trio.fail_after(STOP_SECONDS):
            return await self.process.wait()


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="jd-") as made:
        yield Path(made)


@asynccontextmanager
async def started(root: Path) -> AsyncIterator[Daemon]:
    """A daemon that is just starting; it is killed if it has not ended when the body has."""
    home = {"HOME": str(root), "PATH": os.defpath, "PYTHONPATH": str(Path(jelmored.__file__).parents[1])}
    config = root / "config.toml"
    config.write_text('default_provider = "demo"\n[providers.claude]\nenabled = false\n')
    places = ["--config", str(config), "--state-dir", str(root / "s"), "--runtime-dir", str(root / "r")]
    command = [sys.executable, "-m", "jelmored", *places]
    process = await trio.lowlevel.open_process(command, env=home, stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with process.stdout:
        try:
            yield Daemon(process, root)
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def silent(socket: Path) -> AsyncIterator[trio.SocketStream]:
    """A client that answers no farewell: the stop waits for it for a while."""
    async with await trio.open_unix_socket(socket) as stream:
        await RawClient(stream).upgrade()
        yield stream


async def cut_off(stream: trio.SocketStream) -> None:
    """Wait until the daemon waits for this client no more."""
    with trio.fail_after(STOP_SECONDS):
        while await stream.receive_some():
            pass


async def test_no_further_signal_cuts_the_stop_short(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client, silent(daemon.socket):
            with trio.fail_after(STOP_SECONDS):
                for number in itertools.cycle((signal.SIGTERM, signal.SIGINT)):
                    if daemon.process.poll() is not None:
                        break
                    daemon.process.send_signal(number)
                    await trio.sleep(0.02)
            assert daemon.process.returncode == 0
            assert await client.wait_closed() == 1001
        assert not daemon.socket.exists()
        assert not (root / "s" / "journal.db-wal").exists()


async def test_a_signal_while_it_starts_ends_it_as_any_other(root: Path) -> None:
    async with started(root) as daemon:
        await eventually((root / "s" / "journal.db").exists, STOP_SECONDS, lambda: "it opens no journal")
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        assert not daemon.socket.exists()


async def test_the_notice_says_who_is_there_and_is_gone_with_it(root: Path) -> None:
    notice = root / "r" / "daemon.json"
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            status = await client.request("daemon/status")
        assert json.loads(notice.read_bytes()) == {
            "version": jelmored.__version__,
            "pid": daemon.process.pid,
            "instanceId": status["instanceId"],
            "socket": str(daemon.socket),
            "protocolVersions": [1],
        }
        assert stat.S_IMODE(notice.stat().st_mode) == 0o600
        daemon.process.terminate()
        assert await daemon.ended() == 0
        assert not notice.exists()


async def test_a_client_may_give_the_stop_less_time_than_it_would_take(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client, silent(daemon.socket) as stream:
            assert await client.request("daemon/shutdown", graceSeconds=0.2) == {}
            asked = trio.current_time()
            await cut_off(stream)
            assert trio.current_time() - asked < CLOSE_SECONDS, "what it would have been given"
            assert await client.wait_closed() == 1001
            assert [note.params["kind"] for note in client.notes if note.method == "daemon/event"] == ["stopping"]
        assert await daemon.ended() == 0
