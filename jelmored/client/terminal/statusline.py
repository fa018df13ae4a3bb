"""The line at the bottom: what the session is, does and took, and who else waits. It always fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from jelmored.domain.sessions import SessionView

from .amounts import money, seconds, tokens
from .clusters import width
from .labels import label
from .spans import Look, Row, Span
from .text import one_line
from .wrapping import clip

GAP = " · "


@attrs.frozen(kw_only=True)
class Now:
    """What is not in the session itself.

    Args:
        doing: in a word or two, and how it looks.
        since: seconds that it has been doing so; None where that is of no interest.
        elsewhere: other sessions that wait for an answer.
    """

    doing: str
    look: Look = Look.DIM
    since: float | None = None
    elsewhere: int = 0


@attrs.frozen
class _Part:
    """`weight`: the least goes first when there is no room."""

    span: Span
    weight: int


def status_line(view: SessionView, now: Now, columns: int) -> Row:
    """As many of its parts as there is room for, in their order."""
    parts = list(_parts(view, now))
    while len(parts) > 1 and _width(parts) > columns:
        parts.remove(min(parts, key=lambda part: part.weight))
    return clip(_joined(parts), columns)


def _parts(view: SessionView, now: Now) -> Iterator[_Part]:
    yield _Part(Span(label(view), Look.DIM), 7)
    yield _Part(Span(one_line(view.provider), Look.DIM), 2)
    if view.model:
        yield _Part(Span(one_line(view.model), Look.DIM), 4)
    since = f" {seconds(now.since)}" if now.since is not None else ""
    yield _Part(Span(now.doing + since, now.look), 9)
    if used := view.usage.tokens:
        yield _Part(Span(tokens(used), Look.DIM), 3)
        yield _Part(Span(money(view.usage.cost_usd, notional=view.usage.notional), Look.DIM), 5)
    if context := _context(view):
        yield _Part(Span(context, Look.DIM), 6)
    if view.background_tasks:
        yield _Part(Span(f"{view.background_tasks} in the background", Look.DIM), 4)
    if now.elsewhere:
        verb = "waits" if now.elsewhere == 1 else "wait"
        yield _Part(Span(f"{now.elsewhere} other{'s'[: now.elsewhere > 1]} {verb}: jelmore next", Look.ASKS), 8)
    yield _Part(Span("? keys", Look.DIM), 1)


def _context(view: SessionView) -> str | None:
    if view.context is None:
        return None
    if not view.context.window:
        return f"context {tokens(view.context.tokens)}"
    return f"context {round(100 * view.context.tokens / view.context.window)}%"


def _width(parts: Sequence[_Part]) -> int:
    return sum(width(part.span.text) for part in parts) + len(GAP) * (len(parts) - 1)


def _joined(parts: Sequence[_Part]) -> Iterator[Span]:
    for number, part in enumerate(parts):
        if number:
            yield Span(GAP, Look.DIM)
        yield part.span
