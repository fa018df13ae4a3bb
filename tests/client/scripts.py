"""Turns that several tests play."""

from __future__ import annotations

import trio

from .daemon import Turn


async def asks(turn: Turn) -> None:
    """Thinks, says something, asks to run a command, runs it or not, and says that."""
    await turn.thinks("I should look ", "first.")
    await turn.says("Running ", "the tests.")
    tool = await turn.uses("execute", "Bash", "Bash: npm test")
    option = await turn.asks(tool, "Bash: npm test", command="npm test", toolName="Bash")
    await turn.gets(tool, "12 passed\nall well" if option != "reject" else "denied", is_error=option == "reject")
    await turn.says("All green." if option != "reject" else "Then not.")
    await turn.ends()


async def reads(turn: Turn) -> None:
    """Asks twice: to read, then to write."""
    tool = await turn.uses("read", "Read", "Read: a.py")
    first = await turn.asks(tool, "Read a.py")
    tool = await turn.uses("edit", "Edit", "Edit: a.py")
    second = await turn.asks(tool, "Edit a.py")
    await turn.says(f"{first}, {second}")
    await turn.ends()


async def works(turn: Turn) -> None:
    """Never ends by itself."""
    await turn.says("On it.")
    await trio.sleep_forever()


async def fails(turn: Turn) -> None:
    turn.session.tell("error", "not logged in", {"kind": "auth-required", "retryable": False, "remedy": "log in"})
    await turn.ends("failed", cause="no_provider")


async def attacks(turn: Turn) -> None:
    """Tries to steer the terminal by every way that text takes."""
    await turn.says("\x1b[2J\x1b]0;owned\x07", "\x9b31m\u202e")
    tool = await turn.uses("execute", "\x1b[8mBash", "ls\x1b[1A\r\x1b[Krm")
    await turn.asks(tool, "\x1b[31mBash\n┃ ✓ allowed", command="rm -rf / \x1b[8m#\x1b[1A")
    await turn.gets(tool, "\x1b[?1049h\x1b]52;c;eA==\x07")
    await turn.ends()
