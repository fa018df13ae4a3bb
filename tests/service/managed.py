"""What systemd does for the daemon, done by a test: NOTIFY_SOCKET, the watchdog's time, sockets, SIGTERM, a restart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import attrs
import trio

import jelmored
from tests.eventually import eventually

from .ear import Ear, listening

STOP_SECONDS = 25


HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="control", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


async def call(path: Path) -> None:
    """Somebody comes, and leaves again."""
    await eventually(path.exists, STOP_SECONDS)
    async with await trio.open_unix_socket(path):
        pass


@attrs.frozen
class Unit:
    """A daemon under a manager.

    Args:
        root: a directory with a short path.
        ear: what it has told.
    """

    root: Path
    process: trio.Process
    ear: Ear

    @property
    def socket(self) -> Path:
        return self.root / "r" / "control.sock"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code."""
        with trio.fail_after(STOP_SECONDS):
            return await self.process.wait()

    async def stop(self) -> int:
        self.process.terminate()
        return await self.ended()


@asynccontextmanager
async def managed(
    root: Path,
    *,
    environ: Mapping[str, str] = MappingProxyType({}),
    sessions: str = "",
    program: Sequence[str] = ("-m", "jelmored"),
    before: Sequence[str] = (),
    called: Path | None = None,
    door: socket.socket | None = None,
) -> AsyncIterator[Unit]:
    """It is ready when the body begins, and killed if it has not ended when the body has.

    Args:
        environ: laid over its environment.
        sessions: the lines of `[sessions]`.
        program: for Python.
        before: a program that starts it, and its arguments.
        called: the path of a socket that somebody connects to, for it to be started.
        door: a socket that the manager keeps, and hands over.
    """
    config = root / "config.toml"
    config.write_text(
        'default_provider = "demo"\n[providers.claude]\nenabled = false\n[providers.opencode]\nenabled = false\n'
        f"[notify]\ndesktop = false\n[sessions]\n{sessions}\n"
    )
    source = Path(jelmored.__file__).parents[1]
    places = ["--config", str(config), "--state-dir", str(root / "s"), "--runtime-dir", str(root / "r")]
    if door is not None:
        before = (sys.executable, "-c", HAND_OVER, str(door.fileno()))
    with listening() as ear:
        process = await trio.lowlevel.open_process(
            [*before, sys.executable, *program, *places],
            env={
                "HOME": str(root),
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(source),
                "NOTIFY_SOCKET": ear.address,
                **environ,
            },
            cwd=source,
            stdout=subprocess.DEVNULL,
            pass_fds=[] if door is None else [door.fileno()],
        )
        try:
            if called is not None:
                await call(called)
            await ear.hears("READY=1")
            yield Unit(root, process, ear)
        finally:
            process.kill()
            await process.wait()
