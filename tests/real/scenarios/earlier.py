"""What came before a capture, where no capture is of it: a conversation that is resumed in it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

from tests.real.script import Line, says

from .capture import Capture, Entry
from .scenario import Scenario

STDIO = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
SETTLED = 1.0  # s: claude writes its record a little after it has spoken


def conversation(
    session_id: str,
    *prompts: str,
    lines: tuple[Line, ...] = (says("ok"),),
    options: tuple[str, ...] = (),
    killed: signal.Signals | None = None,
    after: str = "result",
) -> Scenario:
    """Each prompt has its turn. Then its input is closed, or it is killed.

    Args:
        session_id: by which it is resumed.
        lines: what the model says.
        options: of the CLI.
        killed: by which signal.
        after: the kind of line upon which it is killed, a second later.
    """
    argv = ["claude", "-p", *STDIO, "--session-id", session_id, *options]
    start = {"argv": argv, "env_extra": {}, "cwd": "/home/user/project"}
    talk = [entry for prompt in prompts for entry in _turn(prompt, after)]
    end = {"stdin_closed": True} if killed is None else {"action": str(int(killed))}
    entries = (Entry("note", 0.0, start), *talk, Entry("note", SETTLED, end), Entry("note", SETTLED, {"exit": 0}))
    return Scenario(name=f"before: {session_id}", capture=Capture(entries), lines=lines)


def _turn(prompt: str, after: str) -> Iterator[Entry]:
    yield Entry("in", 0.0, {"type": "user", "message": {"role": "user", "content": prompt}})
    kind, _, subtype = after.partition("/")
    said: dict[str, Any] = {"type": kind, "subtype": subtype}
    yield Entry("out", 0.0, said)
