"""Start a daemon when none runs: detached, so that it outlives whoever needed it first; or by systemd, where it is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

import attrs
import trio

from .addresses import Address, awaited, running
from .errors import ClientError, NoDaemon
from .managing import Unit, asked
from .places import Places

START_SECONDS = 20.0
UNIT_SECONDS = 100.0  # systemd itself gives up after 90
LOOK_SECONDS = 0.02
LOG_BYTES = 8 * 1024 * 1024  # past this the log of earlier daemons is set aside, once
TAIL_LINES = 12
TAIL_BYTES = 256 * 1024

PROGRAM: Sequence[str] = (sys.executable, "-P", "-m", "jelmored")
"""-P: a directory that happens to be the current one has no say in what is imported."""


@attrs.frozen
class Starter:
    """Starts the daemon of these places.

    Args:
        places: given to the daemon too, so that both mean the same ones.
        program: and its first arguments.
        options: further arguments of `jelmored serve`.
        unit: by which systemd starts it; None: we do.
        seconds: until it must be ready.
    """

    places: Places
    program: Sequence[str] = PROGRAM
    options: Sequence[str] = ()
    unit: Unit | None = None
    seconds: float = START_SECONDS

    async def start(self) -> Address:
        """Returns when it can be reached. Of several that start at once one wins, and all get its address.

        Raises:
            NoDaemon: it did not get ready, with the end of its log.
        """
        if address := awaited(self.places):
            return address
        if self.unit:
            return await self._by_systemd(self.unit)
        child = _Child(self._spawn())
        with trio.move_on_after(self.seconds):
            while True:
                if address := running(self.places):
                    return address
                if child.ended() and not self.places.alive():
                    raise NoDaemon(f"the daemon ended as it started ({child.how}){self._evidence()}")
                await trio.sleep(LOOK_SECONDS)
        raise NoDaemon(f"the daemon was not ready within {self.seconds:g} s{self._evidence()}")

    async def _by_systemd(self, unit: Unit) -> Address:
        """The command returns when the daemon is ready, or can't be."""
        try:
            done = await asked(unit.command("start"), os.environ, UNIT_SECONDS)
            said = done.stderr.decode(errors="replace").strip()
        except ClientError as error:
            said = str(error)
        if address := running(self.places):
            return address
        said = said or f"it is not in {self.places.runtime}"
        raise NoDaemon(f"systemd did not start the daemon: {said}; {await unit.account(os.environ)}")

    def _spawn(self) -> int:
        places = self.places
        directories = ("--state-dir", str(places.state), "--runtime-dir", str(places.runtime))
        command = [*self.program, "serve", *directories, *self.options]
        try:
            places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            _set_aside(places)
            return _spawn_detached(command, str(places.log))
        except OSError as error:
            raise NoDaemon(f"the daemon can't be started: {error}") from None

    def _evidence(self) -> str:
        lines = tail(self.places, TAIL_LINES)
        return f"; the end of {self.places.log}:\n{lines}" if lines else f"; {self.places.log} is empty"


@attrs.define
class _Child:
    """The process that we started; it is asked after, so that no zombie stays."""

    pid: int
    how: str | None = None

    def ended(self) -> bool:
        if self.how is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        return self.how is not None


def tail(places: Places, lines: int) -> str:
    """The last lines of the log of daemons that were started on demand."""
    try:
        with places.log.open("rb") as log:
            return last_lines(log, lines)
    except FileNotFoundError:
        return ""


def last_lines(log: BinaryIO, lines: int) -> str:
    """The last lines of an open log, which is left at its end; not more than `TAIL_BYTES` of them."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
    return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _set_aside(places: Places) -> None:
    if places.log.exists() and places.log.stat().st_size > LOG_BYTES:
        places.log.replace(places.log.with_suffix(".log.1"))


def _spawn_detached(command: list[str], log: str) -> int:
    """In a session of its own: no terminal's hang-up reaches it. It inherits no descriptor but these three."""
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, appending, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGHUP],
    )
