"""The difference that an edit makes, as a unified diff. What is too long to be compared in no time says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from jelmored.domain.permissions import Diff

from .labels import homely
from .spans import Look, Span
from .text import one_line

COMPARED = 2000  # lines of a side
Lines = Iterator[tuple[Span, ...]]


def unified(diffs: Iterable[Diff], home: str) -> Lines:
    """The path of each, and its lines."""
    for diff in diffs:
        yield (Span(one_line(homely(diff.path, home)), Look.STRONG),)
        yield from changes(diff)


def changes(diff: Diff) -> Lines:
    """The lines of one."""
    old, new = diff.old_text.split("\n"), diff.new_text.split("\n")
    if max(len(old), len(new)) > COMPARED:
        yield (Span(f"{len(old)} lines become {len(new)}: too many to compare here", Look.DIM),)
        return
    for line in list(difflib.unified_diff(old, new, n=2, lineterm=""))[2:]:
        yield (Span(line, {"+": Look.GOOD, "-": Look.BAD}.get(line[:1], Look.DIM)),)


def count(diffs: Iterable[Diff]) -> tuple[int, int]:
    """The lines that come, and those that go."""
    signs = [line[0].text[:1] for diff in diffs for line in changes(diff)]
    return signs.count("+"), signs.count("-")
