"""Figures and days as they are typed on the command line. Each function raises `argparse.ArgumentTypeError`, which says
what was wanted: argparse's own message would name the function."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date


def amount(word: str) -> float:
    """Of money or of time."""
    with _wanted("a number, 0 or more", word):
        given = float(word)
        if not 0 <= given < float("inf"):
            raise ValueError
    return given


def number(word: str) -> int:
    """0 is one too."""
    with _wanted("a whole number, 0 or more", word):
        return _whole(word, least=0)


def count(word: str) -> int:
    """Of what there is one at least."""
    with _wanted("a whole number, 1 or more", word):
        return _whole(word, least=1)


def day(word: str) -> str:
    """So many days, or the first one; as it was typed."""
    with _wanted("a number of days as 7d, or a date as 2026-11-27", word):
        if word.endswith("d"):
            _whole(word[:-1], least=1)
        else:
            date.fromisoformat(word)
    return word


def _whole(word: str, *, least: int) -> int:
    given = int(word)
    if given < least:
        raise ValueError
    return given


@contextmanager
def _wanted(what: str, word: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise argparse.ArgumentTypeError(f"that is {what}, not {word!r}") from None
