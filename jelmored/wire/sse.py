"""Bytes to the data of server-sent events. Only `data` lines count: ids, names and comments are passed over."""

from __future__ import annotations

import attrs

from .lines import MAX_LINE, LineSplitter


class EventTooLong(ValueError):
    """An event is longer than the decoder holds: the stream can't be followed any further.

    Args:
        limit: bytes that one event may have.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"a server-sent event is longer than {limit} bytes")
        self.limit = limit


@attrs.define
class SseDecoder:
    """Takes a stream's chunks, gives the data of each event when the blank line after it has come.

    Args:
        limit: bytes of the longest event.
    """

    limit: int = MAX_LINE
    _lines: LineSplitter = attrs.field(init=False)
    _data: list[bytes] = attrs.field(factory=list, init=False, repr=False)
    _held: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = LineSplitter(self.limit)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that this chunk completes.

        Raises:
            EventTooLong: an event does not fit; the decoder is of no use from then on.
        """
        events: list[bytes] = []
        for line in self._lines.feed(chunk):
            if self._lines.dropped:
                break
            line = line.removesuffix(b"\r")
            if line:
                self._hold(line)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
                self._held = 0
        if self._lines.dropped:
            raise EventTooLong(self.limit)
        return events

    def _hold(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._held += len(value)
        if self._held > self.limit:
            raise EventTooLong(self.limit)
        self._data.append(value.removeprefix(b" "))
