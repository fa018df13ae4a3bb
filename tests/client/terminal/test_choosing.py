from __future__ import annotations

from typing import Any

import pytest

from jelmored.client.terminal.choosing import Choosing
from jelmored.client.terminal.clusters import width

from .stage import approval, key

LABELS = [{"label": label, "description": f"about {label}"} for label in ("a", "b", "c")]


def choosing(*several: bool) -> Choosing:
    questions: list[dict[str, Any]] = [
        {"id": f"q{number}", "header": "H", "question": "Which?", "options": LABELS, "multiSelect": multi}
        for number, multi in enumerate(several, 1)
    ]
    return Choosing(approval(kind="question", questions=questions))


@pytest.mark.parametrize(
    ("several", "names", "answers", "done"),
    [
        ([False], ["2"], {"q1": ("b",)}, True),
        ([False], ["DOWN", "ENTER"], {"q1": ("b",)}, True),
        ([False], ["UP", " ", "ENTER"], {"q1": ("c",)}, True),
        ([False], ["9", "x"], {}, False),
        ([True], ["3", "1", "1", "2"], {"q1": ("b", "c")}, False),
        ([True], ["3", "1", "ENTER"], {"q1": ("a", "c")}, True),
        ([True], ["ENTER"], {}, False),
        ([False, False], ["1", "2"], {"q1": ("a",), "q2": ("b",)}, True),
        ([False, False], ["1", "LEFT", "2", "3"], {"q1": ("b",), "q2": ("c",)}, True),
    ],
)
def test_what_is_chosen(several: list[bool], names: list[str], answers: dict[str, tuple[str, ...]], done: bool) -> None:
    at = choosing(*several)
    for name in names:
        at.press(key(name))
    assert (at.answers, at.done) == (answers, done)


def test_words_of_ones_own_stand_alone_or_beside_what_is_chosen() -> None:
    single, multi = choosing(False), choosing(True)
    for at in (single, multi):
        at.press(key("DOWN"))
        at.press(key(" "))
        at.say("mine")
        assert at.done
    assert (single.answers, multi.answers) == ({"q1": ("mine",)}, {"q1": ("b", "mine")})


def test_it_fits_and_the_cursor_is_seen() -> None:
    at = choosing(True)
    at.press(key("UP"))
    for height in range(4, 12):
        rows = at.rows(20, height)
        assert len(rows) <= height
        assert any(span.text == "c" for row in rows for span in row)
        assert all(sum(width(span.text) for span in row) <= 20 for row in [*rows, *at.keys(20)])
