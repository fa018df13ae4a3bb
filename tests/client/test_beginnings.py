from __future__ import annotations

from jelmored.client.beginnings import beginning
from jelmored.client.outputs import read_event
from jelmored.client.terminal.transcript import Transcript
from jelmored.domain.events import Event
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec

from .daemon import MOMENT, FakeDaemon

VIEW = codec.from_json(FakeDaemon(runtime=None).add().view, SessionView)  # type: ignore[arg-type]


def event(seq: int, kind: str) -> Event:
    by = {"connectionId": "con_1", "client": "jelmore"}
    metadata = {"user": {"promptId": "prm_1", "disposition": "started", "by": by}, "assistant": {"itemId": "itm"}}
    common = {"sessionId": "ses_a", "seq": seq, "timestamp": MOMENT, "turn": 1, "provider": "claude"}
    return read_event(common | {"eventType": kind, "content": "words", "metadata": metadata[kind]})


def begins(events: list[Event], lines: int) -> int:
    return beginning(events, lambda: Transcript(lambda: VIEW), lines)


def test_as_many_turns_as_fill_a_page() -> None:
    events = [event(seq, "user" if seq % 2 else "assistant") for seq in range(11, 31)]  # a turn has three lines
    assert begins(events, 3) == 28
    assert begins(events, 6) == 26
    assert begins(events, 1) == 28


def test_where_there_is_less_it_begins_with_what_there_is() -> None:
    assert begins([event(1, "user"), event(2, "assistant")], 24) == 0
    assert begins([event(51, "assistant")], 24) == 50
    assert begins([], 24) == 0
