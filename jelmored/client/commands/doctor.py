"""`doctor`: the daemon's program looks, for it knows the configuration, the journal and the agents."""

from __future__ import annotations

import os
from collections.abc import Mapping

import trio

from jelmored.client.exits import Exit
from jelmored.client.shell import Shell
from jelmored.client.starting import PROGRAM

_EXITS = {0: Exit.OK, 1: Exit.REFUSED, 2: Exit.USAGE}


async def doctor(shell: Shell, *, config: str | None, bundle: str | None) -> Exit:
    """What is wrong here, and what to do about it; none is started for it."""
    words = [*PROGRAM, "doctor"]
    for option, file in (("--config", config), ("--bundle", bundle)):
        words += [option, shell.path(file)] if file else []
    words += ["--json"] if shell.json else []
    code = await trio.to_thread.run_sync(_code, words, shell.environ, abandon_on_cancel=True)
    return _EXITS.get(code, Exit.REFUSED)


def _code(words: list[str], environ: Mapping[str, str]) -> int:
    """It writes to our own terminal and ends by itself: each of its looks has an end."""
    _, status = os.waitpid(os.posix_spawn(words[0], words, environ), 0)
    return os.waitstatus_to_exitcode(status)
