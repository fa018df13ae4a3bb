"""`jelmore` as people run it: a process of its own, with pipes or at a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from .emulator import Emulator

COMMAND = (sys.executable, "-m", "jelmored.client.main")
PATIENCE = 60.0
SETTLED = 0.15  # without a byte, a screen is drawn


@attrs.frozen
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@attrs.frozen
class Machine:
    """A home, a working directory, and the places of a daemon."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def real_work(self) -> str:
        """The working directory as a daemon keeps it."""
        self.work.mkdir(exist_ok=True)
        return str(self.work.resolve())

    @property
    def environ(self) -> dict[str, str]:
        self.work.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "RUNTIME_DIRECTORY": str(self.root / "run"),
            "STATE_DIRECTORY": str(self.root / "state"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLUMNS": "80",
        }

    async def jelmore(self, *arguments: str, stdin: bytes = b"", **environ: str) -> Ended:
        """Without a terminal."""
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                [*COMMAND, *arguments],
                stdin=stdin,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=self.work,
                env=self.environ | environ,
            )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def piped(self, line: str) -> Ended:
        """A shell's line that begins with our command's arguments."""
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                ["bash", "-c", f"{' '.join(COMMAND)} {line}"],
                capture_stdout=True,
                capture_stderr=True,
                cwd=self.work,
                env=self.environ,
            )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def at_terminal(
        self,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        environ: Mapping[str, str] | None = None,
        stdout: int | None = None,
        command: Sequence[str] = COMMAND,
    ) -> Terminal:
        """At a terminal of its own, of this size; with `stdout` elsewhere, the rest there."""
        ours, theirs = os.openpty()
        _set_size(theirs, columns, lines)
        env = {key: value for key, value in self.environ.items() if key != "COLUMNS"} | dict(environ or {})
        process = await trio.lowlevel.open_process(
            _with_terminal([*command, *arguments]),
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            cwd=self.work,
            env=env,
            start_new_session=True,
        )
        os.close(theirs)
        return Terminal(ours, process, Emulator(columns, lines))


@attrs.define
class Terminal:
    """The far end of a pseudo-terminal: what a person sees and presses."""

    fd: int
    process: trio.Process
    screen: Emulator
    seen: str = ""
    """Every character that came."""

    async def until(self, text: str, times: int = 1) -> str:
        """Wait until this is to be seen."""
        with trio.fail_after(PATIENCE):
            while self.seen.count(text) < times:
                if not await self._read():
                    raise AssertionError(f"{text!r} never came; seen:\n{self.seen}")
        return self.seen

    async def shows(self, *texts: str) -> str:
        """Wait until these are on the screen, and it is as it was a moment before; what is to be kept of it."""
        return await self._until(lambda lines: all(any(text in line for line in lines) for text in texts), texts)

    async def shows_not(self, text: str) -> str:
        """Wait until this is on the screen no more."""
        return await self._until(lambda lines: not any(text in line for line in lines), [text])

    async def _until(self, shown: Callable[[list[str]], bool], texts: Sequence[str]) -> str:
        with trio.move_on_after(PATIENCE) as patience:
            while True:
                await self._settle()
                if shown(self.screen.lines):
                    return self.screen.shown
                await self._read()
        assert not patience.cancelled_caught, f"waited for {texts}; there was:\n{self.screen.shown}"
        raise AssertionError

    async def _settle(self) -> None:
        """Take what comes until there is a pause."""
        going = True
        while going:
            with trio.move_on_after(SETTLED) as pause:
                going = await self._read()
            going = going and not pause.cancelled_caught

    def resize(self, columns: int, lines: int) -> None:
        """As when a person drags the window's corner."""
        _set_size(self.fd, columns, lines)
        self.screen.resize(columns, lines)

    async def end(self) -> int:
        """Wait until the command has ended; its exit code."""
        with trio.fail_after(PATIENCE):
            while await self._read():
                pass
            return await self.process.wait()

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def close(self) -> None:
        os.close(self.fd)

    async def _read(self) -> bool:
        await trio.lowlevel.wait_readable(self.fd)
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # nobody is left at the other end
            return False
        self.screen.feed(data)
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


def _set_size(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _with_terminal(command: Sequence[str]) -> list[str]:
    """It becomes the session's controlling terminal, as a login's does: Ctrl-C and a hang-up need one."""
    program = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", program, *command]
