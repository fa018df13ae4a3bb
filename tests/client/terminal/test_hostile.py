"""Whatever an agent says in whatever field: the only escape sequences that reach a terminal are our own."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.client.outputs import Output
from jelmored.client.terminal.live import Live
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.teletype import Teletype
from jelmored.client.terminal.transcript import Transcript
from jelmored.client.terminal.voices import Told
from jelmored.domain.permissions import Approval
from jelmored.wire import codec

from .stage import BY, OWN, approval, event, stage, view
from .test_text import ATTACKS, steers

FRAME = r"\x1b\[\?2026[hl]|\x1b\[\?7[hl]|\x1b\[\?2004[hl]|\x1b\[\?25[hl]"
PLACE = r"(?<=\x1b\[\?25l)\r|\r(?=(\x1b\[\d+C)?\x1b\[\?25h)|(?<=\r)\x1b\[\d+[AC]|\x1b\[\d+A(?=\r)|\x1b\[[KJ]"
LOOK = r"\x1b\[(0|1|2|7|31|32|36|1;33|1;36)m"
OURS = re.compile(f"{FRAME}|{PLACE}|{LOOK}")

hostile = st.lists(st.sampled_from([*ATTACKS, "\r", "\n", "\t", "**", "`", "word "]) | st.text(max_size=4), max_size=5)
words = hostile.map("".join)


def use(tool: str, said: Any, parent: str | None = None) -> dict[str, Any]:
    more = {"parentToolUseId": parent} if parent else {}
    places = [{"path": said, "line": 1}]
    return {
        "toolUseId": tool,
        "name": said,
        "kind": "edit",
        "input": {said: said, "b": [said]},
        "locations": places,
        **more,
    }


def everything(draw: st.DrawFn) -> list[tuple[str, str, dict[str, Any]]]:
    """An event of each kind, with a hostile text in each of its fields."""

    def w() -> str:
        return draw(words)

    diff = {"path": w(), "oldText": w(), "newText": w()}
    return [
        ("user", w(), {"promptId": "p1", "disposition": "queued", "by": BY | {"client": w()}}),
        ("user", w(), {"promptId": "p2", "disposition": "started", "by": BY}),
        ("turn_started", w(), {"promptId": "p1", "origin": "prompt"}),
        ("plan", w(), {"entries": [{"content": w(), "status": w()}, {"content": w(), "status": "completed"}]}),
        ("thinking", w(), {"itemId": "i1"}),
        ("assistant", w(), {"itemId": "i2", "model": w()}),
        ("tool_use", w(), use("t1", w())),
        ("tool_use", w(), use("t2", w(), "t1")),
        ("assistant", w(), {"itemId": "i3", "parentToolUseId": "t1"}),
        ("tool_result", w(), {"toolUseId": "t2", "isError": True}),
        ("tool_result", w(), {"toolUseId": "t1", "isError": False, "diffs": [diff]}),
        ("tool_result", w(), {"toolUseId": "never heard of", "isError": False}),
        ("tool_use", w(), use("t3", w())),
        ("error", w(), {"kind": "unavailable", "retryable": False, "remedy": w()}),
        ("directory_change", w(), {"from": w(), "to": w()}),
        ("system", w(), {"subtype": w(), "note": w()}),
        ("telepathy", w(), {"note": w()}),
        ("failover", w(), {"note": w()}),
    ]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Output], list[Approval], Any]:
    def w() -> str:
        return draw(words)

    options = [
        {"optionId": str(number), "name": w(), "kind": kind, "scope": w()}
        for number, kind in enumerate(["allow_once", "allow_always", "reject_once", "allow_once"])
    ]
    diffs = [{"path": w(), "oldText": w(), "newText": w()}]
    question = {"id": "q", "header": w(), "question": w(), "options": [{"label": w(), "description": w()}]}
    approvals = [
        approval(w(), number=1, command=w(), input={w(): w()}, options=options, toolName=w()),
        approval(w(), number=2, diffs=diffs, options=options, locations=[{"path": w()}]),
        approval(w(), number=3, input={w(): w(), "list": [w()]}, options=options),
        approval(w(), number=4, kind="question", questions=[question]),
    ]
    settled = [("approval_resolved", w(), codec.to_json(one) | {"status": "resolved"}) for one in approvals]
    told = [*everything(draw), *settled, ("turn_ended", w(), {"reason": "failed", "durationMs": 1})]
    events = [event(number, *one) for number, one in enumerate(told, 1)]
    shown = view(name=w(), model=w(), provider=w(), directory=w())
    return events, approvals, shown


def assert_ours(painted: str) -> None:
    left = OURS.sub("", painted)
    assert not any(map(steers, left)), repr(left)


@pytest.mark.parametrize("kind", [Live, Teletype])
@settings(max_examples=40, deadline=None)
@given(conversations())
def test_only_our_own_sequences_reach_a_live_terminal(
    kind: type[Live], conversation: tuple[list[Output], list[Approval], Any]
) -> None:
    events, approvals, shown = conversation

    async def play() -> str:
        on = stage(kind, shown=shown)
        on.live.head()
        for output in events:
            on.live.tell(output)
            on.live.draw()
        for one in approvals:
            on.live.asks((one,))
            on.live.draw()
            on.press("d", "r", "ESCAPE", "e")
            on.live.draw()
        on.press("ESCAPE", "o", "o", "?")
        on.live.draw()
        on.live.redraw()
        return on.file.getvalue()

    assert_ours(trio.run(play))


@settings(max_examples=40, deadline=None)
@given(conversations())
def test_nor_a_pipe_any_at_all(conversation: tuple[list[Output], list[Approval], Any]) -> None:
    events, _, shown = conversation
    file = io.StringIO()
    told = Told(Painter(file, {}), Transcript(lambda: shown, lambda: OWN))
    told.head()
    for output in events:
        told.tell(output)
    assert not any(map(steers, file.getvalue()))


def test_the_test_would_see_what_is_not_ours() -> None:
    for attack in ATTACKS:
        with pytest.raises(AssertionError):
            assert_ours(attack)
