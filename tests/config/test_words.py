"""What a string may stand for."""

from __future__ import annotations

from typing import Any

import pytest

from jelmored.config.words import Word, meant


@pytest.mark.parametrize(
    ("word", "kind", "value"),
    [
        ("TRUE", bool, True),
        ("1", bool, True),
        ("on", bool, True),
        ("yes", bool, True),
        ("0", bool, False),
        ("Off", bool, False),
        ("no", bool, False),
        ("false", bool, False),
        ("-7", int, -7),
        ("0.5", float, 0.5),
        ("a, b,", list, ["a", "b"]),
        ('["a,b", "c"]', list, ["a,b", "c"]),
        ("{ a = 1 }", dict, {"a": 1}),
        ('{"a": 1}', dict, {"a": 1}),
        ("[1]", object, [1]),
    ],
)
def test_a_word_is_what_its_key_wants(word: str, kind: type, value: Any) -> None:
    assert meant(Word(word), kind) == value


@pytest.mark.parametrize(
    ("word", "kind"), [("maybe", bool), ("1.5", int), ("9" * 5000, int), ("x", float), ("[1", list), ("1", dict)]
)
def test_what_it_cannot_stand_for_stays_a_word(word: str, kind: type) -> None:
    assert meant(Word(word), kind) == word


def test_a_string_of_a_file_stands_for_itself() -> None:
    assert meant("1", int) == "1"
    assert meant("true", bool) == "true"
