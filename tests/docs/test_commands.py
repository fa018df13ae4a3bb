"""Every `jelmore` command that a page shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from jelmored.client.arguments import parse

from .pages import DOCS, ROOT

PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md"])

_LINE = re.compile(r"^(?: {4}|\$ )(?:.*?[|(] ?)?jelmore( .*)?$", re.MULTILINE)
_INLINE = re.compile(r"`jelmore( [^`…]*)?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_is_taken(page: Path) -> None:
    for words in _commands(page.read_text("utf-8")):
        parse(words)


def test_the_tour_shows_what_it_is_about() -> None:
    shown = {words[0] for words in _commands((DOCS / "tour.md").read_text("utf-8")) if words}

    assert shown >= {"run", "next", "approve", "wait", "ls", "send", "attach", "logs", "interrupt", "archive", "daemon"}


def test_a_command_that_there_is_not_is_found() -> None:
    with pytest.raises(SystemExit):
        parse(next(_commands("    jelmore fly\n")))


def _commands(text: str) -> Iterator[list[str]]:
    """Up to a comment, and to what the shell does with the rest."""
    for found in (*_LINE.finditer(text), *_INLINE.finditer(text)):
        command = re.split(r" (?:\\?\||>) ", found[1] or "")[0]
        yield shlex.split(command, comments=True)
