"""The real daemon as a process of its own, in surroundings of our making, to be asked, stopped and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.eventually import eventually

from . import agents, processes
from .processes import Process

MARKER = "JELMORED_TEST_MARKER"
READY_SECONDS = 20.0
STOP_SECONDS = 25.0  # the daemon's own deadline is 20


@attrs.frozen
class Place:
    """Where a daemon lives. It stays the same when the daemon is started again.

    `marker` stands in the environment of the daemon and, by the configuration, of every agent and its tools.
    """

    root: Path
    marker: str = attrs.field(factory=lambda: f"{MARKER}={uuid.uuid4().hex}")

    @property
    def home(self) -> Path:
        return self.root / "home"

    async def until_claude_kept(self, words: str) -> None:
        """Claude writes its record a little after it has spoken; killed before, it would not remember."""
        await eventually(lambda: any(words in file.read_text() for file in self.home.rglob("*.jsonl")), 10)

    @property
    def work(self) -> Path:
        """A directory for sessions to work in."""
        return self.root / "work"

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def socket(self) -> Path:
        return self.root / "run" / "control.sock"

    def left(self, known: Collection[Process] = ()) -> set[Process]:
        """Processes of this place that are alive: those that carry the marker, and those known from before."""
        return processes.marked(self.marker) | {process for process in known if process.alive}

    async def until_empty(self, known: Collection[Process], seconds: float) -> float:
        """Seconds until none is left; fails with their names when it takes longer than it may."""
        begun = trio.current_time()
        await eventually(
            lambda: not self.left(known), seconds, lambda: f"left: {[process.command for process in self.left(known)]}"
        )
        return trio.current_time() - begun


@asynccontextmanager
async def new_place() -> AsyncIterator[Place]:
    """A fresh one with a path short enough for a socket; whatever still runs there at the end is killed."""
    place = _make_place()
    try:
        yield place
    finally:
        for process in place.left():
            _kill(process)
        shutil.rmtree(place.root, ignore_errors=True)


def _make_place() -> Place:
    place = Place(Path(tempfile.mkdtemp(prefix="jd-")).resolve())
    for directory in (place.home, place.work, place.root / "tmp"):
        directory.mkdir()
    return place


def _kill(process: Process) -> None:
    if process.alive:
        os.kill(process.pid, signal.SIGKILL)


def configuration(place: Place, model_url: str, **sections: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration with `claude` alone, led to the scripted model.

    Args:
        sections: of the configuration, to lay over it: `sessions={…}`; `claude={…}` is `[providers.claude]`.
    """
    name, _, value = place.marker.partition("=")
    claude = dict(sections.pop("claude", {}))
    environment = {**agents.model_environment(model_url), name: value}
    settings = {
        "claude_bin": str(agents.claude()),
        **claude,
        "environment": {**environment, **claude.get("environment", {})},
    }
    return {"notify": {"desktop": False}, **sections, "default_provider": "claude", "providers": {"claude": settings}}


@attrs.define(eq=False)
class Daemon:
    """One life of a daemon."""

    place: Place
    process: trio.Process
    ready: Mapping[str, Any]

    def family(self) -> set[Process]:
        """It, and all that has come of it: wardens, agents, their tools."""
        return processes.descendants(self.process.pid) | self.place.left()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        return await _stop(self.process)

    async def kill(self) -> None:
        """SIGKILL: no farewell."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running(place: Place, configuration: Mapping[str, Any]) -> AsyncIterator[Daemon]:
    """A daemon for as long as the body runs; it is stopped at the end if it is still there."""
    place.config.write_text(json.dumps(configuration, indent=1))
    process = await _start(place)
    try:
        yield Daemon(place, process, await _ready_line(place, process))
    finally:
        await _end(process)


async def _stop(process: trio.Process) -> int:
    process.send_signal(signal.SIGTERM)
    with trio.fail_after(STOP_SECONDS):
        return await process.wait()


async def _end(process: trio.Process) -> None:
    """Stopped, or else killed; then it is an error."""
    with trio.move_on_after(2 * STOP_SECONDS, shield=True):
        try:
            if process.poll() is None:
                await _stop(process)
        finally:
            process.kill()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()


def command(place: Place) -> list[str]:
    return [
        *(sys.executable, "-m", "jelmored", "serve", "--log-level", "debug"),
        *("--config", str(place.config)),
        *("--state-dir", str(place.root / "state")),
        *("--runtime-dir", str(place.root / "run")),
    ]


async def _start(place: Place) -> trio.Process:
    name, _, value = place.marker.partition("=")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place.home),
        "TMPDIR": str(place.root / "tmp"),
        "PYTHONPATH": str(agents.ROOT),
        name: value,
    }
    with place.log.open("ab") as log:
        return await trio.lowlevel.open_process(
            command(place), stdout=subprocess.PIPE, stderr=log, env=environment, cwd=place.root
        )


async def _ready_line(place: Place, process: trio.Process, seconds: float = READY_SECONDS) -> Mapping[str, Any]:
    assert process.stdout is not None
    said = b""
    with trio.move_on_after(seconds):
        while not said.endswith(b"\n"):
            if not (chunk := await process.stdout.receive_some()):
                break
            said += chunk
    if not said.endswith(b"\n"):
        raise AssertionError(f"the daemon did not get ready; its log: {place.log.read_text()[-4000:]}")
    ready: Mapping[str, Any] = json.loads(said)
    return ready


def opencode_configuration(place: Place, model_url: str, **settings: Any) -> Mapping[str, Any]:
    """A configuration with `opencode` alone, led to the scripted model."""
    name, _, value = place.marker.partition("=")
    opencode = {
        "opencode_bin": str(agents.opencode()),
        "default_model": agents.OPENCODE_MODEL,
        "opencode_config": agents.opencode_models(model_url),
        "environment": {name: value},
        **settings,
    }
    return {"notify": {"desktop": False}, "default_provider": "opencode", "providers": {"opencode": opencode}}
