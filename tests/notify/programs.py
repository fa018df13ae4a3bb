"""Programs of the user's, as real processes: each writes down how it was called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs
from structlog.typing import EventDict

KEEPS = """#!/bin/sh
here=$(dirname "$0")
printf '%s\\0' "$@" > "$here/NAME.args.new"
env -0 > "$here/NAME.env"
cat > "$here/NAME.stdin"
printf . >> "$here/NAME.calls"
mv "$here/NAME.args.new" "$here/NAME.args"
"""


@attrs.frozen
class Program:
    """An executable in a directory; what it was last called with stands beside it."""

    path: Path

    def _kept(self, what: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{what}")

    @property
    def called(self) -> bool:
        return self._kept("args").exists()

    @property
    def calls(self) -> int:
        return len(self._kept("calls").read_text()) if self.called else 0

    @property
    def args(self) -> list[str]:
        return self._kept("args").read_text("utf-8").split("\0")[:-1]

    @property
    def stdin(self) -> bytes:
        return self._kept("stdin").read_bytes()

    @property
    def env(self) -> dict[str, str]:
        pairs = self._kept("env").read_text("utf-8").split("\0")[:-1]
        return dict(pair.split("=", 1) for pair in pairs)


def program(directory: Path, name: str, more: str = "") -> Program:
    """One that keeps what it gets, then does more."""
    made = Program(directory / name)
    made.path.write_text(KEEPS.replace("NAME", name) + more)
    made.path.chmod(0o755)
    return made


def complaints(logged: Sequence[EventDict]) -> list[EventDict]:
    """What was logged, but for what a program's stderr was heard to say."""
    return [line for line in logged if line["event"] != "stderr"]


def path_with(directory: Path) -> str:
    """A PATH on which what is in the directory comes first."""
    return f"{directory}{os.pathsep}{os.defpath}"
