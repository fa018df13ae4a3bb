"""Faults in words."""

from __future__ import annotations

from jelmored.config.documents import Document
from jelmored.config.faults import cut, line_of, nearest, unknown


def test_the_last_who_said_it_is_named() -> None:
    below = Document("below", {"a": 1, "b": {"x": 1}}, {("a",): "below:1", ("b",): "below:2"})
    above = Document("above", {"a": 2}, {("a",): "above:7"})

    assert line_of([below, above], (("a",), "no")) == "above:7: a: no"
    assert line_of([below, above], (("b", "y"), "no")) == "below:2: b.y: no"
    assert line_of([below, above], (("c",), "no")) == "configuration: c: no"


def test_what_is_like_it_is_asked_for() -> None:
    assert nearest("claud", ["claude", "demo"]) == "; did you mean claude?"
    assert nearest("x", ["claude", "demo"]) == ""
    assert unknown("type", "claud", ["claude", "demo"]) == (
        "no type 'claud'; there is claude, demo; did you mean claude?"
    )


def test_a_word_is_repeated_on_one_line_and_not_for_long() -> None:
    assert cut("a\nb\x1b\udcff") == "a\\nb\\x1b\\udcff"
    assert cut("x" * 1000) == "x" * 80 + "…"
