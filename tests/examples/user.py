"""A person at an editor of examples/: reads what it shows, types, and pulls the line to the daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from tests.docs import daemon
from tests.docs.pages import ROOT

from .line import CutLine, cut_line

EXAMPLES = ROOT / "examples"
MODULES = ROOT / ".cache" / "editors" / "node_modules"
SECONDS = 60.0
SETTINGS = {"default_provider": "demo"}


@attrs.define
class Desk:
    """Where a person sits: the session's directory, and the line to the daemon."""

    work: Path
    line: CutLine
    environment: dict[str, str]


@attrs.define
class Screen:
    """An editor that runs, and all that it has shown."""

    process: trio.Process
    said: trio.abc.ReceiveStream
    shown: str = ""

    async def until(self, words: str) -> None:
        """Wait for these words behind those that were waited for before."""
        with trio.fail_after(SECONDS):
            while words not in self.shown[self._read :]:
                chunk = await self.said.receive_some()
                assert chunk, f"it ended and never showed {words!r}: {self.shown}"
                self.shown += chunk.decode()
        self._read = self.shown.index(words, self._read) + len(words)

    async def type(self, line: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{line}\n".encode())

    async def end(self) -> int:
        """Its exit code, when it is done."""
        with trio.fail_after(SECONDS):
            async for chunk in self.said:
                self.shown += chunk.decode()
            return await self.process.wait()

    _read: int = 0


@asynccontextmanager
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A daemon, and a directory to work in."""
    async with daemon.running(SETTINGS) as place, cut_line(tmp_path, place.socket) as line:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        yield Desk(
            place.work,
            line,
            {"PATH": path, "HOME": str(tmp_path), "JELMORE_SOCKET": str(line.path), "NODE_PATH": str(MODULES)},
        )


@asynccontextmanager
async def editor(at: Desk, command: Sequence[str], *, said: int = 1) -> AsyncIterator[Screen]:
    """An editor for as long as the body runs. `said`: the descriptor to which it writes what the person reads."""
    process = await trio.lowlevel.open_process(
        list(command),
        cwd=at.work,
        env=at.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if said == 1 else None,
        stderr=subprocess.PIPE if said == 2 else None,
    )
    stream = process.stdout or process.stderr
    assert stream is not None
    try:
        yield Screen(process, stream)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await stream.aclose()
