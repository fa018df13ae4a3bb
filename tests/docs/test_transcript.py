"""How messages stand in a page, and which of them are the same."""

from __future__ import annotations

import json

import pytest

from .transcript import Line, abridged, compare, lines_of, names_in, page_with, shape

PAGE = "<!-- recorded: a talk -->\n```text\n```\n<!-- end -->\n<!-- recorded: other -->\n```text\n```\n<!-- end -->"


def test_a_page_keeps_its_lines_whole_though_they_are_folded() -> None:
    long = {"jsonrpc": "2.0", "method": "x", "params": {f"name{number}": 'a, "b", {c}' for number in range(30)}}
    lines = [Line("→", long), Line("#", {"#": "a remark"}), Line("←", {"id": 1, "result": {}})]

    folded = page_with(PAGE, "a talk", lines)

    assert len(folded.splitlines()) > 10
    assert lines_of(folded, "a talk") == lines
    assert lines_of(folded, "other") == []
    assert names_in(folded) == ["a talk", "other"]


def test_deltas_are_shown_once() -> None:
    deltas = [Line("←", {"method": "session/delta", "params": {"kind": "text", "offset": n}}) for n in range(5)]

    shown = page_with(PAGE, "a talk", deltas)

    assert lines_of(shown, "a talk") == deltas[:1]
    assert "…" in shown


@pytest.mark.parametrize(
    ("documented", "came"),
    [
        ({"eventType": "user"}, {"eventType": "assistant"}),
        ({"content": "a"}, {}),
        ({"turn": 1}, {"turn": None}),
        ({"metadata": {"usage": [1]}}, {"metadata": {"usage": ["1"]}}),
        ({"answers": {"q1": ["Red"]}}, {"answers": {"q1": ["Blue"]}}),
    ],
    ids=json.dumps,
)
def test_another_message_has_another_shape(documented: object, came: object) -> None:
    assert shape(documented) != shape(came)


def test_texts_figures_and_ids_are_free() -> None:
    documented = {"content": "a", "durationMs": 1, "sessions": {"ses_aaaaaaaaaaaaaaaa": {}}}
    came = {"content": "b", "durationMs": 2.5, "sessions": {"ses_bbbbbbbbbbbbbbbb": {}}}

    assert shape(documented) == shape(came)


def test_replies_and_notifications_have_no_order_towards_each_other() -> None:
    reply, told = Line("←", {"id": 1, "result": {}}), Line("←", {"method": "session/caughtUp", "params": {}})

    compare([reply, told], [told, reply])
    with pytest.raises(AssertionError):
        compare([reply, told], [reply])


def test_what_is_abridged() -> None:
    event = {"jsonrpc": "2.0", "method": "session/event", "params": {"seq": 1, "eventType": "user", "timestamp": "now"}}
    dull = {"method": "session/event", "params": {"seq": 2, "eventType": "status_change"}}

    (line,) = abridged([Line("←", event), Line("←", dull)])

    assert line.message == {"method": "session/event", "params": {"seq": 1, "eventType": "user"}}
