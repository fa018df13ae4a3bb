"""`doctor`: the daemon's program looks."""

from __future__ import annotations

from jelmored.client.exits import Exit
from jelmored.client.program import ask
from jelmored.client.shell import Shell


async def doctor(shell: Shell, *, config: str | None, bundle: str | None) -> Exit:
    """What is wrong here, and what to do about it; none is started for it."""
    words = ["--json"] if shell.json else []
    for option, file in (("--config", config), ("--bundle", bundle)):
        words += [option, shell.path(file)] if file else []
    return await ask(shell.environ, "doctor", *words)
