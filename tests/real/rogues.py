"""A daemon whose agents misbehave (rogue.py), and an eye on its memory."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.client_raw import RawClient, connect
from tests.watch import Watch

from . import daemon
from .daemon import Daemon, Place

ROGUE = Path(__file__).with_name("rogue.py")
END_SECONDS = 2.0
LOOK = 0.01


@attrs.define(eq=False)
class Pen:
    """A daemon with rogues: provider `claude` is all rogues, `neighbour` too, for those that must not notice."""

    place: Place
    daemon: Daemon
    client: RawClient

    async def session(self, name: str, *, prompt: Any = "hello", provider: str = "claude", **params: Any) -> Watch:
        """A session with a rogue of this name; watched from its first event."""
        home = self.place.work / name
        home.mkdir(exist_ok=True)
        made = await self.client.request(
            "session/create", cwd=str(home), provider=provider, pin=True, prompt=prompt, **params
        )
        return await self.client.subscribe(made["sessionId"])

    async def turn(self, session: Watch, prompt: str) -> float:
        """A prompt to an idle session; the seconds that its turn took."""
        begun = trio.current_time()
        receipt = await self.client.request("session/prompt", sessionId=session.session_id, prompt=prompt)
        ended = await session.turn_over(receipt["turn"])
        assert ended["metadata"]["reason"] == "completed", ended
        return trio.current_time() - begun


def configuration(place: Place, **sections: Mapping[str, Any]) -> Mapping[str, Any]:
    name, _, value = place.marker.partition("=")
    program = place.root / "rogue"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {ROGUE} "$@"\n')
    program.chmod(0o700)
    settings = {
        "type": "claude",
        "claude_bin": str(program),
        "max_concurrent_sessions": 60,
        "environment": {name: value, "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"},
    }
    return {
        "notify": {"desktop": False},
        "sessions": {"resume_interrupted": "never"},
        "max_total_sessions": 100,
        "failover": {"enabled": False},
        "default_provider": "claude",
        **sections,
        "providers": {"claude": settings, "neighbour": settings, "opencode": {"enabled": False}},
    }


@asynccontextmanager
async def alive(place: Place, **sections: Mapping[str, Any]) -> AsyncIterator[Pen]:
    """One life of the daemon."""
    async with daemon.running(place, configuration(place, **sections)) as running, connect(place.socket) as client:
        yield Pen(place, running, client)


@asynccontextmanager
async def open_pen(**sections: Mapping[str, Any]) -> AsyncIterator[Pen]:
    """A place and one life in it. At the end nothing may run there; when a test fails the daemon's log is shown."""
    async with daemon.new_place() as place:
        try:
            async with alive(place, **sections) as pen:
                yield pen
            await place.until_empty((), END_SECONDS)
        except BaseException:
            print(place.log.read_text()[-6000:] if place.log.exists() else "no log")
            raise


def memory(pid: int) -> float:
    """MiB that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


@attrs.define
class Gauge:
    """The most memory that a process has while this runs, in MiB."""

    pid: int
    before: float = 0.0
    most: float = 0.0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.before = self.most = memory(self.pid)
        task_status.started()
        while True:
            self.most = max(self.most, memory(self.pid))
            await trio.sleep(LOOK)

    @property
    def growth(self) -> float:
        return self.most - self.before
