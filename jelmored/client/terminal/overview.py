"""All sessions on one screen: who waits for you, what works, what failed, what is there besides; what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import attrs

from jelmored.client.glance import Glance
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import IN_TURN, Status

from .amounts import brief
from .labels import short
from .spans import Look, Span
from .text import one_line, shorten, width

NAME_COLUMNS = 18  # at most
AGE_COLUMNS = 6
MANY = 8  # of those that wait, work or failed; of the rest as many as there is room for
FEW = 3  # of the rest, at least


@attrs.frozen
class Row:
    """A session in a line: since when, and what is to be said of it."""

    name: str
    since: datetime
    words: str
    look: Look = Look.PLAIN


@attrs.frozen(kw_only=True)
class Group:
    """Sessions of which the same is to be said.

    Args:
        command: what to do about its first one, `{}` for its name; `does`: in words.
    """

    title: str
    look: Look
    rows: tuple[Row, ...]
    command: str
    does: str


def overview(
    glances: Sequence[Glance], approvals: Sequence[Approval], now: datetime, columns: int | None, lines: int
) -> list[Span]:
    """The screen: not wider than `columns` and, where it can be, not higher than `lines`.

    Args:
        glances: latest activity first.
        approvals: oldest first.
        columns: None: as wide as it gets.
    """
    groups = [group for group in _groups(glances, approvals) if group.rows]
    if not groups:
        return [Span("No sessions yet.\n"), *_hint("jelmore run PROMPT", "starts one")]
    name_columns = _name_columns(groups, columns)
    room = lines - 3 - sum(1 + len(group.rows[:MANY]) for group in groups[:-1])
    spans: list[Span] = []
    for group in groups:
        most = max(FEW, room) if group is groups[-1] else MANY
        spans += _painted(group, most, now, name_columns, columns)
    first = groups[0]
    return [*spans, *_hint(first.command.format(_quoted(first.rows[0].name)), first.does)]


def _groups(glances: Sequence[Glance], approvals: Sequence[Approval]) -> Iterator[Group]:
    views = {glance.view.session_id: glance.view for glance in glances}
    asked = [approval for approval in approvals if approval.session_id in views]
    waiting = {approval.session_id for approval in asked}
    others = [glance for glance in glances if glance.view.session_id not in waiting]
    yield Group(
        title=_counted(len(asked), "waits for you", "wait for you"),
        look=Look.ASKS,
        rows=tuple(_waits(approval, views[approval.session_id]) for approval in asked),
        command="jelmore next",
        does="answers them one by one" if len(asked) > 1 else "answers it",
    )
    working = tuple(_works(glance) for glance in others if glance.view.status in IN_TURN)
    yield Group(
        title=_counted(len(working), "works", "work"),
        look=Look.STRONG,
        rows=working,
        command="jelmore attach {}",
        does="watches it",
    )
    failed = tuple(_failed(glance) for glance in others if glance.view.status is Status.FAILED)
    yield Group(title=f"{len(failed)} failed", look=Look.BAD, rows=failed, command="jelmore logs {}", does="says more")
    told = {*IN_TURN, Status.FAILED, Status.SUSPENDED}
    rest = tuple(_rests(glance) for glance in others if glance.view.status not in told)
    yield Group(
        title=f"{len(rest)} idle",
        look=Look.DIM,
        rows=rest,
        command="jelmore attach {}",
        does="shows what was said, and goes on",
    )
    put_down = tuple(_rests(glance) for glance in others if glance.view.status is Status.SUSPENDED)
    yield Group(
        title=f"{len(put_down)} suspended",
        look=Look.DIM,
        rows=put_down,
        command="jelmore resume {}",
        does="takes it up again",
    )


def _waits(approval: Approval, view: SessionView) -> Row:
    """A question is itself what is asked; else it is what the agent wants to do."""
    words = approval.questions[0].question if approval.questions else approval.title
    return Row(called(view), approval.created_at, words)


def _works(glance: Glance) -> Row:
    view = glance.view
    queued = f"{view.queued_prompts} queued: " if view.queued_prompts else ""
    return Row(
        called(view), view.turn_started_at or view.last_activity, queued + (glance.tool or glance.said or "thinks")
    )


def _failed(glance: Glance) -> Row:
    words = glance.trouble or "its agent could not be started"
    return Row(called(glance.view), glance.view.last_activity, words, Look.BAD)


def _rests(glance: Glance) -> Row:
    view = glance.view
    tasks = f"{view.background_tasks} in the background: " if view.background_tasks else ""
    words, look = (glance.trouble, Look.BAD) if glance.trouble else (glance.said or view.title or "", Look.DIM)
    return Row(called(view), view.last_activity, tasks + words, look)


def called(view: SessionView) -> str:
    """Its name, or its id in short."""
    return one_line(view.name) if view.name else short(view.session_id)


def _name_columns(groups: Sequence[Group], columns: int | None) -> int:
    widest = max(width(row.name) for group in groups for row in group.rows)
    return min(widest, NAME_COLUMNS if columns is None else min(NAME_COLUMNS, columns // 4))


def _painted(group: Group, most: int, now: datetime, name_columns: int, columns: int | None) -> Iterator[Span]:
    yield Span(f"{group.title}\n", group.look)
    for row in group.rows[:most]:
        name = shorten(row.name, name_columns)
        head = f"  {name}{' ' * (name_columns - width(name))}"
        age = f"  {brief((now - row.since).total_seconds()):>{AGE_COLUMNS}}  "
        words = one_line(row.words)
        yield Span(head)
        yield Span(age, Look.DIM)
        yield Span(words if columns is None else shorten(words, columns - width(head + age)), row.look)
        yield Span("\n")
    if len(group.rows) > most:
        yield Span(f"  … {len(group.rows) - most} more: `jelmore ls`\n", Look.DIM)


def _hint(command: str, does: str) -> list[Span]:
    return [Span("→ ", Look.DIM), Span(command, Look.KEY), Span(f"  {does}\n", Look.DIM)]


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
