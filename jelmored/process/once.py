"""A program that is given its input and runs to its end, within a time."""

from __future__ import annotations

import contextlib

import trio

from jelmored.actors.running import open_plain_nursery, running
from jelmored.errors import SessionError

from .child import Child, Exit
from .command import Command


async def run_to_end(command: Command, *, name: str, stdin: bytes = b"", seconds: float) -> Exit:
    """How it ended. What it writes to stdout is dropped, what it leaves running is killed.

    Args:
        command: what to run.
        name: what it is called in errors and in the log.
        stdin: it need not read it; at most 64 KiB, what a pipe holds.
        seconds: it may take; past them it is killed.

    Raises:
        ProviderError: it could not be started, as for `Child.run`.
        trio.TooSlowError: it took too long.
    """
    child = Child(command, name=name)
    with trio.fail_after(seconds):
        async with running(child.run), open_plain_nursery() as nursery:
            nursery.start_soon(_drop_output, child)
            with contextlib.suppress(SessionError):  # it has ended, or closed its stdin
                await child.write(stdin)
            await child.close_stdin()
            await child.wait()
    return await child.wait()


async def _drop_output(child: Child) -> None:
    while await child.read_lines():
        pass
