"""The real CLI, driven by cues: what comes is a transcript like that which the cues are from."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import trio

from tests.real.daemon import Place

from .capture import Capture, Entry
from .cues import Action, CloseInput, Cue, Kill, Landmark, Write
from .names import Names

LANDMARK_SECONDS = 30.0
EXIT_SECONDS = 15.0
DRAIN_SECONDS = 2.0
TURNS = 2  # of the scheduler, until who waited has acted


class _Missed(Exception):
    """The CLI has not said what it said in the capture."""


class Performance:
    """One process of the CLI.

    Args:
        process: with its three pipes.
        names: of this place.
        place: whose processes are looked for when it has ended.
        captured: what the cues are from: they use its ids.
        silence: how long it may not say what is waited for, in seconds.
    """

    def __init__(self, process: trio.Process, names: Names, place: Place, captured: Capture, silence: float) -> None:
        self._process = process
        self._names = names
        self._place = place
        self._captured = captured
        self._silence = silence
        self._begun = trio.current_time()
        self._seen: Counter[str] = Counter()
        self._mute = False
        self._news = trio.Event()
        self.entries: list[Entry] = []

    async def run(self, cues: Iterable[Cue], patience: float) -> Capture:
        """All of it. Where it does not say what it should, the transcript ends: what came shows why.

        Args:
            patience: how long it may take to end after the last cue, in seconds.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear, self._process.stdout, "out")
            nursery.start_soon(self._hear, self._process.stderr, "err")
            try:
                for cue in cues:
                    await self._until(cue.landmark)
                    if cue.pause:
                        await trio.sleep(cue.pause)
                    await self._act(cue.action)
            except _Missed:
                patience = 0.0
            await self._end(patience)
            nursery.cancel_scope.deadline = trio.current_time() + DRAIN_SECONDS
        return Capture(tuple(self.entries))

    async def _act(self, action: Action) -> None:
        assert self._process.stdin is not None
        match action:
            case Write(line=line):
                await self._write(line)
            case Kill(number=number, group=group):
                self._add("note", {"action": str(int(number)), "group": group})
                (os.killpg if group else os.kill)(self._process.pid, number)
            case CloseInput():
                self._add("note", {"stdin_closed": True})
                await self._process.stdin.aclose()

    async def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        line = self._addressed(line)
        self._note("in", line)
        with contextlib.suppress(trio.BrokenResourceError):  # it has ended; what it said shows why
            await self._process.stdin.send_all(line)

    def _addressed(self, line: bytes) -> bytes:
        """It is about the requests and the tasks of this run."""
        now = Capture(tuple(self.entries))
        requests = zip(self._captured.requests, now.requests, strict=False)
        tasks = zip(self._captured.tasks, now.tasks, strict=False)
        for captured, lived in (*requests, *tasks):
            line = line.replace(captured.encode(), lived.encode())
        return line

    async def _until(self, landmark: Landmark | None) -> None:
        with trio.move_on_after(self._silence):
            while landmark is not None and not self._reached(landmark):
                await self._news.wait()
            return
        self._add("note", {"missed": str(landmark)})
        raise _Missed

    def _reached(self, landmark: Landmark) -> bool:
        """Or never: who has ended says no more."""
        return self._mute or self._seen[landmark.kind] >= landmark.count

    async def _let_act(self) -> None:
        """What is done upon a line comes before the next one, even if that has been read: so it is in captures."""
        for _ in range(TURNS):
            await trio.lowlevel.checkpoint()

    def _awake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def _end(self, patience: float) -> None:
        with trio.move_on_after(patience) as waiting:
            await self._process.wait()
        if waiting.cancelled_caught:
            exited: object = "STILL RUNNING"
        else:
            exited = self._process.returncode
        alive = sorted(process.command for process in self._place.left())
        self._process.kill()
        await self._process.wait()
        self._add("note", {"exit": exited, "children_alive": alive})

    async def _hear(self, stream: trio.abc.ReceiveStream | None, direction: str) -> None:
        assert stream is not None
        async for line in _lines(stream):
            self._note(direction, line)
            await self._let_act()
        self._mute |= direction == "out"
        self._awake()

    def _note(self, direction: str, line: bytes) -> None:
        text = self._names.captured(line.decode(errors="replace"))
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        self._add(direction, message if isinstance(message, dict) else {"_raw": text})

    def _add(self, direction: str, message: Any) -> None:
        entry = Entry(direction, round(trio.current_time() - self._begun, 3), message)
        self.entries.append(entry)
        if direction == "out":
            self._seen[entry.kind] += 1
        self._awake()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
