"""What is wrong with a configuration, in words: the place, the key, what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from .documents import Document, dotted
from .lines import Key

Fault = tuple[Key, str]
"""What is wrong, and with which key."""

LONGEST = 80
"""Characters of a word that is repeated."""


def line_of(documents: Sequence[Document], fault: Fault) -> str:
    """A fault as it is told: the place, the key, what is wrong."""
    key, what = fault
    around = (key[:length] for length in range(len(key), 0, -1))
    places = (document.place(outer) for outer in around for document in reversed(documents))
    place = next((place for place in places if place is not None), "configuration")
    return f"{place}: {cut(dotted(key))}: {what}"


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """There is no such thing; there are these."""
    return f"no {what} {cut(word)!r}; there is {', '.join(known)}{nearest(word, known)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """A question to put behind a fault, if one of the known words is like it."""
    near = difflib.get_close_matches(word[:LONGEST], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def cut(word: str) -> str:
    """A word to be repeated: not for long, and on one line."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in word[:LONGEST])
    return shown if len(word) <= LONGEST else f"{shown}…"
