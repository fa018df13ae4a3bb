"""Bytes to lines, for agents that speak one JSON object a line. A line that is too long is dropped, and
counted: an empty one stands in its place, so that whoever reads learns of it at once."""

from __future__ import annotations

import attrs

MAX_LINE = 32 * 1024 * 1024  # facts of the real agents: an image read back is 1.35 MB, a model's text was 3 MB


@attrs.define
class LineSplitter:
    """Collects chunks, gives whole lines without their end.

    Args:
        limit: bytes of the longest line that is kept; of a chunk no line is dropped that lies in it whole.
    """

    limit: int = MAX_LINE
    dropped: int = attrs.field(default=0, init=False)
    """Lines that were longer than the limit."""
    _parts: list[bytes] = attrs.field(factory=list, init=False, repr=False)
    _held: int = attrs.field(default=0, init=False)
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
        self._held += len(part)
        self._parts.append(part)
        if self._held > self.limit:
            self._parts.clear()
            self._held = 0
            self._skipping = True

    def _finish(self, tail: bytes) -> bytes:
        self._hold(tail)
        line = b"".join(self._parts)
        self.dropped += self._skipping
        self._skipping = False
        self._parts.clear()
        self._held = 0
        return line
