from __future__ import annotations

from jelmored.client.terminal.clusters import width
from jelmored.client.terminal.waiting import Waiting
from jelmored.domain.events import Event
from jelmored.wire import codec
from jelmored.wire.messages import QueuedPrompt

from .stage import BY, event


def tell(waiting: Waiting, kind: str, content: str, **metadata: object) -> str | None:
    told = event(1, kind, content, metadata)
    assert isinstance(told, Event)
    return waiting.tell(told)


def shown(waiting: Waiting, columns: int = 40) -> list[str]:
    return ["".join(span.text for span in row) for row in waiting.rows(columns)]


def test_prompts_wait_until_their_turn_begins_or_they_are_dropped() -> None:
    waiting = Waiting()
    for key in ("p1", "p2"):
        tell(waiting, "user", f"say\n{key}", promptId=key, disposition="queued", by=BY)
    tell(waiting, "user", "now", promptId="p3", disposition="started", by=BY)
    assert shown(waiting) == ["› say p1  waits", "› say p2  waits"]
    assert tell(waiting, "turn_started", "", promptId="p1", origin="prompt") == "say\np1"
    assert tell(waiting, "turn_started", "", origin="agent") is None
    tell(waiting, "system", "dropped", subtype="prompt_dropped", promptId="p2")
    assert not waiting


def test_of_many_the_first_are_seen_and_all_of_them_fit() -> None:
    prompts = [{"promptId": f"p{number}", "prompt": "long " * 20, "by": BY} for number in range(9)]
    waiting = Waiting()
    waiting.are([codec.from_json(prompt, QueuedPrompt) for prompt in prompts])
    rows = shown(waiting, 20)
    assert rows == ["› long long …  waits", "› long long …  waits", "  … 7 more wait"]
    assert all(width(row) <= 20 for row in rows)
