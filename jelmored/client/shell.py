"""What every command has at hand: the environment, the three streams, and how output is wanted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TextIO

import attrs

from .terminal.text import harmless, harmless_json

if TYPE_CHECKING:
    from .client import Client
    from .places import Places
    from .terminal.spans import Span


@attrs.frozen(kw_only=True)
class Shell:
    """Where a command was given.

    Args:
        json: values instead of words.
        spawn: a daemon may be started.
    """

    environ: Mapping[str, str] = attrs.field(repr=False)
    cwd: str
    stdin: TextIO
    out: TextIO
    err: TextIO
    json: bool = False
    spawn: bool = True

    @property
    def home(self) -> str:
        return self.environ.get("HOME") or "/"

    @property
    def places(self) -> Places:
        from .places import Places

        return Places.of(self.environ)

    @property
    def columns(self) -> int | None:
        """The width of the terminal that output goes to; None if it goes elsewhere."""
        return shutil.get_terminal_size().columns if self.out.isatty() else None

    @property
    def rows(self) -> int:
        """The height of the terminal, or of a usual one."""
        return shutil.get_terminal_size().lines

    @asynccontextmanager
    async def client(self, *, spawn: bool = True, deltas: bool = False) -> AsyncIterator[Client]:
        """A connected client."""
        from .client import open_client
        from .finding import Finder

        finder = Finder.of(self.environ, spawn=spawn and self.spawn)
        async with open_client(finder=finder, name="jelmore", deltas=deltas) as client:
            yield client

    def say(self, text: str) -> None:
        """A line, or lines, of what was asked for."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Of what was asked for, as it comes."""
        self.out.write(harmless(text))
        self.out.flush()

    def paint(self, spans: Sequence[Span]) -> None:
        """Of what was asked for, with its look where that can be seen; elsewhere nothing that paints is loaded."""
        if not self.out.isatty():
            return self.write("".join(span.text for span in spans))
        from .terminal.painter import Painter

        return Painter(self.out).paint(spans)

    def note(self, text: str) -> None:
        """A remark beside it."""
        print(harmless(text), file=self.err, flush=True)

    def give(self, value: Any) -> None:
        """A value of ours, or of JSON's own kinds, as JSON; on several lines for a person."""
        from jelmored.wire import codec

        indent = 2 if self.out.isatty() else None
        text = json.dumps(codec.to_json(value), ensure_ascii=False, indent=indent)
        print(harmless_json(text), file=self.out, flush=True)

    def path(self, name: str) -> str:
        """A file that was named, seen from the directory in which the command is given."""
        return os.path.join(self.cwd, name)

    def real_cwd(self) -> str:
        """As sessions keep it: with every link followed."""
        return os.path.realpath(self.cwd)
