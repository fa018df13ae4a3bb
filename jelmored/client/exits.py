"""The exit codes of `jelmore`: the one table (docs/errors.md is generated from it)."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Exit(enum.IntEnum):
    """What a script can tell from how `jelmore` ended."""

    OK = 0
    TURN_FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    NO_TERMINAL = 4
    REFUSED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANING: Mapping[Exit, str] = {
    Exit.OK: "It was done; for `run`, `send -f` and `attach`: the turn was completed, or you detached from it.",
    Exit.TURN_FAILED: "The turn ended without its answer: it failed, was refused, or met a limit.",
    Exit.USAGE: "The command line makes no sense; nothing was done.",
    Exit.NO_DAEMON: "No daemon runs, none could be started or reached, or the connection was lost for good.",
    Exit.NO_TERMINAL: "An approval was denied because there was no terminal to ask at; `--approve` answers beforehand.",
    Exit.REFUSED: "The daemon or the system refused, or nothing goes by that name; the message says which.",
    Exit.TIMED_OUT: "What `wait` waited for did not come within `--timeout`.",
    Exit.INTERRUPTED: "The turn was interrupted, by you or by somebody else; or Ctrl-C ended the command.",
    Exit.PIPE_CLOSED: "Whoever read our output went away, as with `jelmore logs | head`.",
}
"""One sentence each."""
