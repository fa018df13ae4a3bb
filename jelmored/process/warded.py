"""The daemon's side of a warden: starts warden.py, tells it what to hold, and hears how that ended.

Between the two is one socket. Its end here is the lifeline: no other process has it, so that the daemon's death, by
whatever signal, is the warden's word to kill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from subprocess import PIPE

import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.process import ledger, reaper
from jelmored.process.command import Command, Program
from jelmored.process.environment import INSTANCE, WARDEN_OF

WARDEN = Path(__file__).with_name("warden.py")
START_PATIENCE = 10.0  # s until the program runs; measured: 0.02
KILL_PATIENCE = 1.5  # s until all is gone; measured: 0.06 with 30 processes. Then the warden itself is killed
REAP_PATIENCE = 0.4  # s for what a dead warden left to us
LONGEST_WORD = 64


class Warded:
    """A `Hold` by warden.

    Args:
        command: what the warden shall hold.
        program: the same, as it was found.
        process: the warden. Its streams become the program's.
        line: the socket to it.
    """

    def __init__(self, command: Command, program: Program, process: trio.Process, line: trio.SocketStream) -> None:
        self.process = process
        self._command = command
        self._program = program
        self._line = line
        self._heard = b""
        self._status: int | None = None
        self._all_gone = False
        self._kill_by: float | None = None
        self._patience = trio.CancelScope()

    @classmethod
    async def launch(cls, command: Command, program: Program) -> Warded:
        """Start a warden. It needs no parent-death signal (that would end it with the *thread* that starts it)."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(ours.close)
            ours.setblocking(False)
            process = await trio.lowlevel.open_process(  # noqa: TID251  # this is the warden
                [sys.executable, "-I", "-S", str(WARDEN), str(theirs.fileno())],
                cwd="/",
                env={**_for_python(), WARDEN_OF: command.env.get(INSTANCE, "")},
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
            on_failure.pop_all()
        reaper.WARDENS[process.pid] = not command.operators
        ledger.note(process.pid)
        return cls(command, program, process, trio.SocketStream(trio.socket.from_stdlib_socket(ours)))

    async def start(self) -> int:
        try:
            with trio.fail_after(START_PATIENCE):
                await self._line.send_all(self._program.order)
                match await self._word():
                    case ["started", pid]:
                        ledger.note(int(pid))
                        return int(pid)
                    case ["refused", stage, number]:
                        raise self._command.refused(int(number), stage=stage)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass  # it died, was killed, or hangs
        raise SessionError(ErrorKind.AGENT_CRASHED, f"the warden of {self._command.argv[0]} did not start it")

    async def gone(self) -> int:
        with trio.CancelScope() as self._patience:
            self._hurry()
            await self._listen()
            await self.process.wait()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        reaper.WARDENS.pop(self.process.pid, None)
        self._line.socket.close()
        if not self._all_gone:
            await self._bury()
        return -signal.SIGKILL if self._status is None else os.waitstatus_to_exitcode(self._status)

    async def terminate(self) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._line.send_all(bytes([signal.SIGTERM]))

    def kill(self) -> None:
        """Half of the line is closed: the warden kills, and can still say how it ended."""
        if self._kill_by is None:
            self._kill_by = trio.current_time() + KILL_PATIENCE
            self._hurry()
        with contextlib.suppress(OSError):
            self._line.socket.shutdown(socket.SHUT_WR)

    def _hurry(self) -> None:
        if self._kill_by is not None:
            self._patience.deadline = self._kill_by

    async def _listen(self) -> None:
        """To the end of the line. The agent's end is the end of the rest too, within `KILL_PATIENCE`."""
        while word := await self._word():
            match word:
                case ["exited", status]:
                    self._status = int(status)
                    self.kill()
                case ["gone"]:
                    self._all_gone = True

    async def _word(self) -> list[str]:
        """The next that the warden says; nothing once it is dead."""
        while b"\n" not in self._heard:
            try:
                chunk = await self._line.receive_some(LONGEST_WORD)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return []
            if not chunk:
                return []
            self._heard += chunk
        word, self._heard = self._heard.split(b"\n", 1)
        return word.decode().split()

    async def _bury(self) -> None:
        marker = self._command.env.get(INSTANCE)
        orphans = reaper.Orphans(marker=marker, session=self.process.pid)
        await orphans.bury(within=REAP_PATIENCE)


def _for_python() -> dict[str, str]:
    """A warden has, beside its mark, nothing of our environment but what some builds of Python can't start without."""
    return {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}
