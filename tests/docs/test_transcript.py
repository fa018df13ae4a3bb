"""The conversation in the protocol page, had again with a real daemon."""

from __future__ import annotations

import json

import pytest

from . import daemon
from .talk import SETTINGS, have_again, talking
from .transcript import PAGE, Line, lines_of, page_with, shape


async def test_the_conversation_of_the_page_is_had_again() -> None:
    documented = lines_of(PAGE.read_text("utf-8"))

    async with daemon.running(SETTINGS) as place, talking(place.socket) as talk:
        await have_again(talk, documented, str(place.work))

    events = [line.message["params"] for line in talk.lines if line.message.get("method") == "session/event"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["content"] == "active → idle"


def test_a_page_keeps_its_lines_whole_though_they_are_folded() -> None:
    long = {"jsonrpc": "2.0", "method": "x", "params": {f"name{number}": 'a, "b", {c}' for number in range(30)}}
    page = "<!-- recorded: transcript -->\n```text\n```\n<!-- end -->"

    folded = page_with(page, [Line(True, long)])

    assert len(folded.splitlines()) > 6
    assert lines_of(folded) == [Line(True, long)]


@pytest.mark.parametrize(
    ("documented", "came"),
    [
        ({"eventType": "user"}, {"eventType": "assistant"}),
        ({"content": "a"}, {}),
        ({"turn": 1}, {"turn": None}),
        ({"metadata": {"usage": [1]}}, {"metadata": {"usage": ["1"]}}),
    ],
    ids=json.dumps,
)
def test_another_message_has_another_shape(documented: object, came: object) -> None:
    assert shape(documented) != shape(came)


def test_texts_and_figures_are_free() -> None:
    assert shape({"content": "a", "durationMs": 1}) == shape({"content": "b", "durationMs": 2.5})
