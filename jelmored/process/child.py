"""A program as a task: lines in, lines out, and nothing of it is left when the task is over.

child = Child(Command(argv=("claude", …), cwd=…, env=child_environment(…)), name="claude")
await nursery.start(child.run)
while lines := await child.read_lines(): …
"""

from __future__ import annotations

import signal
from typing import cast

import attrs
import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.process.command import Command
from jelmored.process.hold import Hold, launch
from jelmored.process.outlet import Outlet
from jelmored.process.tail import Tail
from jelmored.wire.lines import LineSplitter

__all__ = ["Child", "Command", "Exit"]

WRITE_PATIENCE = 10.0  # s for one write: a child that reads nothing for so long will not read
EOF_PATIENCE = 1.0  # s after the exit: then another process holds the pipe
END_PATIENCE = 2.0  # s until nothing is left, however it ends


@attrs.frozen
class Exit:
    """How it ended: `code`, or `signal` if one ended it. `stderr_tail`: its last words, 64 KiB at most."""

    code: int | None
    signal: int | None
    stderr_tail: str = attrs.field(repr=False)

    @classmethod
    def of(cls, returncode: int, stderr_tail: str) -> Exit:
        """From a return code as the standard library has it: minus the signal, if one ended it."""
        if returncode < 0:
            return cls(code=None, signal=-returncode, stderr_tail=stderr_tail)
        return cls(code=returncode, signal=None, stderr_tail=stderr_tail)


class Child:
    """A program that speaks lines. One task runs it, one reads, any may write or end it once it has started.

    Args:
        command: what to run.
        name: what it is called in errors and in the log.
    """

    def __init__(self, command: Command, *, name: str) -> None:
        self.command = command
        self.name = name
        self.pid: int | None = None
        self._hold: Hold | None = None
        self._stdin: trio.lowlevel.FdStream | None = None
        self._stdout: Outlet | None = None
        self._lines = LineSplitter()
        self._tail = Tail(name)
        self._writing = trio.Lock()
        self._ended = trio.Event()
        self._exit = Exit(code=None, signal=None, stderr_tail="")

    @property
    def stderr_tail(self) -> str:
        """The last of what it said on stderr, 64 KiB at most."""
        return str(self._tail)

    @property
    def dropped_lines(self) -> int:
        """Lines that were too long to be kept (`wire.lines.MAX_LINE`); `read_lines` gives an empty one for each."""
        return self._lines.dropped

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live from its start (`started()`) until it and all that it started are gone. Cancelled, it kills them all;
        that takes 2 s at most. If its warden is killed, the same holds only beside a `Reaper`.

        Raises:
            ProviderUnavailableError: `not-installed`: the program is missing or can't be executed.
            SessionError: `invalid-request`: its directory is missing; `agent-crashed`: it could not be started now.
        """
        try:
            self._hold = await launch(self.command)
            await self._live(self._hold, task_status)
        finally:
            self._ended.set()

    async def read_lines(self) -> list[bytes]:
        """The next whole lines, without their ends: what a chunk of 64 KiB completes, one at least. Nothing at the end;
        the list before it may have a last line that was cut. All that it wrote is given, also after its end."""
        while self._stdout and (chunk := await self._stdout.read()):
            if lines := self._lines.feed(chunk):
                return lines
        return self._lines.finish()

    async def write(self, data: bytes) -> None:
        """Write all of it, after what others write. A write that is torn, by whatever, kills the child: nobody knows
        how much of it was read.

        Raises:
            SessionError: `agent-crashed`: it reads nothing for 10 s, or takes no input any more.
        """
        async with self._writing:
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                await self._send(data)
            except trio.Cancelled:
                self.kill()
                raise
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
                self.kill()
                raise self._crashed("takes no input") from error

    async def close_stdin(self) -> None:
        """Tell it that no more comes, after the write that is under way."""
        async with self._writing:
            if self._stdin:
                self._stdin.close()

    async def stop(self, *, grace: float, terminate: float = 5.0) -> Exit:
        """End it, by ever harder means.

        Args:
            grace: seconds to end by itself after its input was closed. Then it gets a SIGTERM,
            terminate: and so many seconds later all is killed.
        """
        with trio.move_on_after(grace):
            await self.close_stdin()
            return await self.wait()
        if self._hold:
            await self._hold.terminate()
        with trio.move_on_after(terminate):
            return await self.wait()
        self.kill()
        return await self.wait()

    def kill(self) -> None:
        """End all of it, at once; `wait` tells when that is done."""
        if self._hold:
            self._hold.kill()

    async def wait(self) -> Exit:
        """Wait for the end of `run`: nothing is left of it, and its output has ended."""
        await self._ended.wait()
        return self._exit

    async def _live(self, hold: Hold, task_status: trio.TaskStatus[None]) -> None:
        self._stdin = cast("trio.lowlevel.FdStream", hold.process.stdin)
        self._stdout = Outlet(cast("trio.lowlevel.FdStream", hold.process.stdout))
        stderr = Outlet(cast("trio.lowlevel.FdStream", hold.process.stderr))
        try:
            self.pid = await hold.start()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tail.follow, stderr)
                task_status.started()
                await hold.gone()
                await _settle(self._stdout, stderr)
        finally:
            code = await _end(hold)
            for stream in (self._stdin, self._stdout, stderr):
                stream.close()
            await self._tail.follow(stderr)  # what stood in the pipe: nothing that waits
            self._exit = Exit.of(code, self.stderr_tail)

    async def _send(self, data: bytes) -> None:
        if self._stdin is None:
            raise trio.ClosedResourceError
        with trio.fail_after(WRITE_PATIENCE):
            await self._stdin.send_all(data)

    def _crashed(self, what: str) -> SessionError:
        return SessionError(
            ErrorKind.AGENT_CRASHED, f"{self.name} {what}", evidence={"stderrTail": self.stderr_tail[-2000:]}
        )


async def _end(hold: Hold) -> int:
    """Whatever happened: nothing is left of it when this returns, unless the system itself does not obey."""
    hold.kill()
    with trio.move_on_after(END_PATIENCE, shield=True):
        return await hold.gone()
    return -signal.SIGKILL


async def _settle(*outlets: Outlet) -> None:
    """Until each reader has heard of the end. What stands in a pipe is kept for a reader who comes later."""
    with trio.move_on_after(EOF_PATIENCE):
        for outlet in outlets:
            await outlet.settle()
    for outlet in outlets:
        outlet.close()
