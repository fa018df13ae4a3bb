"""Where there is no warden (macOS): a program in a session of its own, killed by its process group.

It is less: what moves to another group is not found, and nothing is killed when the daemon itself is."""

from __future__ import annotations

import contextlib
import os
import signal
from subprocess import PIPE

import attrs
import trio

from jelmored.process.command import Command, Program


@attrs.define
class Grouped:
    """A `Hold` by process group."""

    process: trio.Process
    _over: bool = attrs.field(default=False, init=False)

    @classmethod
    async def launch(cls, command: Command, program: Program) -> Grouped:
        try:
            process = await trio.lowlevel.open_process(  # noqa: TID251  # process/ is where programs are started
                command.argv,
                executable=program.path,
                cwd=command.cwd,
                env=command.env,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise command.refused(error.errno or 0, stage="exec") from error
        return cls(process)

    async def start(self) -> int:
        return self.process.pid

    async def gone(self) -> int:
        code = await self.process.wait()
        self.kill()
        self._over = True  # from now on the group's number may be another's
        return code

    async def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        if self._over:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
