"""How a program is held: by a warden where there is one (Linux), else as a process group. Child knows only this."""

from __future__ import annotations

import sys
from typing import Protocol

import trio

from jelmored.process.command import Command
from jelmored.process.grouped import Grouped
from jelmored.process.warded import Warded


class Hold(Protocol):
    """A started process that is, or becomes, the program."""

    @property
    def process(self) -> trio.Process:
        """Its streams are the program's."""

    async def start(self) -> int:
        """Return the program's pid when it runs. Raises `ProviderError` if it can't."""

    async def gone(self) -> int:
        """Wait until nothing of it is left; its exit code, or minus the signal that ended it. May be called again."""

    async def terminate(self) -> None:
        """Ask the program to end: SIGTERM."""

    def kill(self) -> None:
        """End all of it at once; `gone` tells when that is done."""


async def launch(command: Command) -> Hold:
    """Check the command and start what will hold it. Cancelled, it leaves nothing.

    Raises:
        ProviderError: as `Command.checked`.
    """
    program = await command.checked()
    holder = Warded if sys.platform == "linux" else Grouped
    return await holder.launch(command, program)
