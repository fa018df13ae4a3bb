"""Where to begin with what was said before: at a prompt, so far back that it fills a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jelmored.domain.events import Event, EventType

from .terminal.transcript import Transcript

HISTORY = 200  # events that are looked at


def beginning(events: Sequence[Event], fresh: Callable[[], Transcript], lines: int) -> int:
    """The number of the event after which to begin; 0: with the first.

    Args:
        events: the last ones.
        fresh: gives a transcript that has been told nothing.
        lines: of a page.
    """
    end, told = len(events), 0
    for start in reversed(range(len(events))):
        if events[start].event_type is EventType.USER:
            told += _lines(events[start:end], fresh())
            end = start
            if told >= lines:
                return events[start].seq - 1
    return events[0].seq - 1 if events else 0


def _lines(events: Iterable[Event], transcript: Transcript) -> int:
    return sum(span.text.count("\n") for event in events for span in transcript.tell(event))
