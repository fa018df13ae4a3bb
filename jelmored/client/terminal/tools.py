"""Tools that an agent uses: a line each, and all of what went in and came out for whoever asks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jelmored.domain.events import Event, ToolResult, ToolUse
from jelmored.domain.ids import ToolUseId
from jelmored.domain.permissions import Diff

from .clusters import width
from .diffs import count, unified
from .nesting import Nesting
from .spans import Look, Row, Span
from .text import one_line, shorten
from .wrapping import clip

REMEMBERED = 30  # tools that can be opened
REMEMBERED_TEXT = 64 * 1024  # characters of each one's output
DIFF_LINES = 12  # of an edit, while it is folded


@attrs.frozen(kw_only=True)
class Tool:
    """One use of it. `output` None: it has not ended."""

    what: str
    use: ToolUse
    output: str | None = None
    is_error: bool = False
    diffs: tuple[Diff, ...] = ()

    def head(self, indent: str) -> list[Span]:
        """Its kind."""
        return [Span(f"{indent}● {self.use.kind.value}  ", Look.TOOL)]

    def line(self, indent: str, columns: int) -> Row:
        """Folded: what, on what, how it ended, and the beginning of what came out."""
        head = self.head(indent)
        room = columns - width(head[0].text)
        if self.output is None:
            return clip([*head, Span(one_line(self.what))], columns)
        what = shorten(one_line(self.what), max(room * 3 // 5, room - 8 - len(folded(self.output, room))))
        verdict, look = ("failed", Look.BAD) if self.is_error else ("ok", Look.GOOD)
        used = width(what) + 2 + len(verdict)
        outcome = self._changed() if self.diffs else folded(self.output, max(room - used, 0))
        return clip([*head, Span(what), Span(f"  {verdict}", look), Span(outcome, Look.DIM)], columns)

    def _changed(self) -> str:
        new, old = count(self.diffs)
        return f"  +{new} −{old}"

    def difference(self, indent: str, home: str) -> Iterator[Row]:
        """Of an edit: its beginning."""
        lines = list(unified(self.diffs, home))
        for line in lines[:DIFF_LINES]:
            yield (Span(f"{indent}    "), *line)
        if len(lines) > DIFF_LINES:
            yield (Span(f"{indent}    … {len(lines) - DIFF_LINES} more lines: o shows all", Look.DIM),)

    def whole(self, home: str) -> Iterator[Row]:
        """Opened: what went in, what came out."""
        yield (*self.head(""), Span(one_line(self.what), Look.STRONG))
        for key, value in self.use.input.items():
            yield from _member(key, value)
        yield from ((Span("  "), *line) for line in unified(self.diffs, home))
        yield (Span("  ⎿ failed" if self.is_error else "  ⎿ ok" if self.output is not None else "  ⎿ works", Look.DIM),)
        yield from ((Span(f"    {line}"),) for line in (self.output or "").rstrip("\n").split("\n"))


class Tools:
    """Those that run, and the last ones that have ended."""

    def __init__(self) -> None:
        self.nesting = Nesting()
        self._running: dict[ToolUseId, Tool] = {}
        self._ended: deque[Tool] = deque(maxlen=REMEMBERED)
        self._opened = 0

    @property
    def running(self) -> tuple[Tool, ...]:
        return tuple(self._running.values())

    def used(self, event: Event, use: ToolUse) -> Tool:
        """One begins."""
        tool = self._running[use.tool_use_id] = Tool(what=event.content or use.name, use=use)
        self.nesting.used(use.tool_use_id, use.parent_tool_use_id, one_line(tool.what))
        return tool

    def ended(self, event: Event, result: ToolResult) -> Tool | None:
        """It has its result; None if nobody knows of it."""
        tool = self._running.pop(result.tool_use_id, None)
        if tool is None:
            return None
        output = event.content[:REMEMBERED_TEXT]
        tool = attrs.evolve(tool, output=output, is_error=result.is_error, diffs=result.diffs)
        self._ended.append(tool)
        self._opened = 0
        return tool

    def open(self) -> Tool | None:
        """The last one; when asked again the one before."""
        known = [*reversed(self._running.values()), *reversed(self._ended)]
        if self._opened >= len(known):
            return None
        self._opened += 1
        return known[self._opened - 1]

    def turn_over(self) -> list[Tool]:
        """Those that have not ended never will."""
        left = list(self._running.values())
        self._running.clear()
        self.nesting.clear()
        return left


def folded(text: str, columns: int) -> str:
    """The first line of a result that says anything, and how many there are beside it."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return ""
    rest = len(lines) - 1
    more = f" (+{rest} line{'s' if rest > 1 else ''})" if rest else ""
    return f"  {shorten(one_line(lines[0]), columns - len(more) - 2)}{more}"


def _member(key: str, value: Any) -> Iterator[Row]:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    first, *rest = text.split("\n")
    if rest and isinstance(value, Mapping | list | str):
        yield (Span(f"  {one_line(key)}:", Look.DIM),)
        yield from ((Span(f"    {line}"),) for line in (first, *rest))
    else:
        yield (Span(f"  {one_line(key)}: ", Look.DIM), Span(first))
