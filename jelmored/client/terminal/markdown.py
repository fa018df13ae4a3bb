"""Light markdown: bold, inline code, headings, fenced code. What does not clearly mean one of these stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from .spans import Look, Row, Span
from .wrapping import chop, wrap

_INLINE = re.compile(r"(?<![\w*\\])\*\*(?=[^\s*])(?P<bold>[^*]+)(?<=\S)\*\*(?![\w*])|(?<![`\\])`(?P<code>[^`]+)`(?!`)")
_HEADING = re.compile(r"#{1,6} ")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"\s*(?:(?:[-*+]|\d+[.)])\s+)?")
INDENT = "  "


@attrs.frozen
class Line:
    """A line as it is to be seen. `hang`: the indent of its further rows; `code`: every space in it counts."""

    spans: tuple[Span, ...]
    hang: int = 0
    code: bool = False

    def rows(self, columns: int) -> list[Row]:
        return (chop if self.code else wrap)(self.spans, columns, self.hang)


def line(text: str, fence: str | None) -> Line:
    """A line of prose.

    Args:
        fence: what opened the code that it stands in; None outside of code.
    """
    if fence is not None and closes(text, fence):
        return Line((Span(text, Look.DIM),))
    if fence is not None:
        return Line((Span(INDENT), Span(text, Look.CODE)), hang=len(INDENT), code=True)
    if _FENCE.match(text):
        return Line((Span(text, Look.DIM),))
    if _HEADING.match(text):
        return Line((Span(text, Look.STRONG),))
    item = _ITEM.match(text)
    return Line(tuple(inline(text)), hang=item.end() if item else 0)


def fence_after(text: str, fence: str | None) -> str | None:
    """What the next line stands in."""
    if fence is not None:
        return None if closes(text, fence) else fence
    opened = _FENCE.match(text)
    return opened[1] if opened and "`" not in opened[2] else None


def closes(text: str, fence: str) -> bool:
    """Does this line end the code that was opened so?"""
    found = _FENCE.match(text)
    return found is not None and found[1].startswith(fence) and not found[2].strip()


def inline(text: str, look: Look = Look.PROSE) -> Iterator[Span]:
    """Bold and code within a line."""
    end = 0
    for match in _INLINE.finditer(text):
        if match.start() > end:
            yield Span(text[end : match.start()], look)
        if match["bold"] is not None:
            yield from inline(match["bold"], Look.STRONG)
        else:
            yield Span(match["code"], Look.CODE)
        end = match.end()
    if end < len(text):
        yield Span(text[end:], look)
