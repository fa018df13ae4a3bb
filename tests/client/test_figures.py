"""Figures as they are typed."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from jelmored.client.arguments import parse
from jelmored.client.figures import amount, count, day, number


@pytest.mark.parametrize(
    ("read", "word", "value"),
    [
        (amount, "0", 0.0),
        (amount, "2.5", 2.5),
        (number, "0", 0),
        (number, "7", 7),
        (count, "1", 1),
        (day, "7d", "7d"),
        (day, "2026-11-27", "2026-11-27"),
    ],
)
def test_what_is_read(read: Callable[[str], object], word: str, value: object) -> None:
    assert read(word) == value


@pytest.mark.parametrize(
    ("read", "word"),
    [
        (amount, "-1"),
        (amount, "inf"),
        (amount, "nan"),
        (amount, "much"),
        (number, "-1"),
        (number, "1.5"),
        (count, "0"),
        (count, "-1"),
        (day, "0d"),
        (day, "d"),
        (day, "monday"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_would(read: Callable[[str], object], word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^that is a .*, not '{word}'$"):
        read(word)


@pytest.mark.parametrize("words", ["fork job --at -1", "set job --max-cost x", "run --max-turns x", "usage --since x"])
def test_no_name_of_ours_is_shown(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(words.split())
    assert "that is a " in (told := capsys.readouterr().err)
    assert " _" not in told
