"""What is done to the CLI in a capture, and what it had said by then: a live run does the same at the same places."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import attrs

from .capture import Capture, Entry

UNREADABLE = "\ufffd".encode()  # stands in captures for a byte that is no UTF-8
AT_ONCE = 0.08  # s: a shorter pause in a capture is none


@attrs.frozen
class Write:
    line: bytes


@attrs.frozen
class CloseInput:
    pass


@attrs.frozen
class Kill:
    number: signal.Signals
    group: bool = False


Action = Write | CloseInput | Kill


@attrs.frozen
class Landmark:
    """The nth line of a kind."""

    kind: str
    count: int


@attrs.frozen
class Cue:
    """Once the landmark has been seen, and some seconds later, the action."""

    landmark: Landmark | None
    pause: float
    action: Action


def cues(capture: Capture, longest: float) -> Iterator[Cue]:
    """In their order. At the end the input is closed, where the capture doesn't say how it came to its end.

    Args:
        longest: no pause takes more seconds.
    """
    seen: Counter[str] = Counter()
    landmark, before, closing = None, 0.0, False
    for entry in capture.entries:
        if entry.direction == "out":
            seen[entry.kind] += 1
            landmark = Landmark(entry.kind, seen[entry.kind])
        elif (action := _action(entry)) is not None:
            pause, closing = entry.time - before, not isinstance(action, Write)
            yield Cue(landmark, min(pause, longest) if pause > AT_ONCE else 0.0, action)
        else:
            continue
        before = entry.time
    if not closing:
        yield Cue(landmark, 0.0, CloseInput())


def _action(entry: Entry) -> Action | None:
    match entry.direction, entry.message:
        case "in", _:
            return Write(entry.line.replace(UNREADABLE, b"\xff"))
        case "note", {"stdin_closed": True} | {"action": "eof"}:
            return CloseInput()
        case "note", {"action": number, **more}:
            return Kill(signal.Signals(int(number)), group=bool(more.get("group")))
        case _:
            return None
