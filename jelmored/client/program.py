"""The daemon's own program, asked by a command of ours: it knows the files, the journal and the agents, and says itself
what there is to say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import trio

from .exits import Exit
from .starting import PROGRAM

_EXITS = {0: Exit.OK, 2: Exit.USAGE}


async def ask(environ: Mapping[str, str], *words: str, program: Sequence[str] = PROGRAM) -> Exit:
    """It has our streams, and ends by itself: each of its looks has an end. Whatever it is not content with is
    `Exit.REFUSED`."""
    code = await trio.to_thread.run_sync(_code, [*program, *words], environ, abandon_on_cancel=True)
    return _EXITS.get(code, Exit.REFUSED)


def _code(command: list[str], environ: Mapping[str, str]) -> int:
    _, status = os.waitpid(os.posix_spawn(command[0], command, environ), 0)
    return os.waitstatus_to_exitcode(status)
