"""Bytes to lines, for agents that speak one JSON object a line. A line that is too long is dropped, and
counted: an empty one stands in its place, so that whoever reads learns of it at once."""

from __future__ import annotations

import attrs

MAX_LINE = 24 * 1024 * 1024
"""Bytes. The longest that must fit is a prompt of 16 MiB, said back; more is no real agent's, and is held twice when a
line is put together."""


@attrs.define
class LineSplitter:
    """Collects chunks, gives whole lines without their end.

    Args:
        limit: bytes of the longest line that is kept; of a chunk no line is dropped that lies in it whole.
    """

    limit: int = MAX_LINE
    dropped: int = attrs.field(default=0, init=False)
    """Lines that were longer than the limit."""
    _held: bytearray = attrs.field(factory=bytearray, init=False, repr=False)
    _skipping: bool = attrs.field(default=False, init=False)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes. Only new bytes are searched."""
        head, *rest = chunk.split(b"\n")
        if not rest:
            self._hold(head)
            return []
        lines = [self._finish(head), *rest[:-1]]
        self._hold(rest[-1])
        return lines

    def finish(self) -> list[bytes]:
        """At the end of the stream: what stands there without a newline."""
        line = self._finish(b"")
        return [line] if line else []

    def _hold(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._held += part
        if len(self._held) > self.limit:
            self._held = bytearray()
            self._skipping = True

    def _finish(self, tail: bytes) -> bytes:
        self._hold(tail)
        line, self._held = bytes(self._held), bytearray()
        self.dropped += self._skipping
        self._skipping = False
        return line
