"""A conversation as people like to read it: outputs go in, text with its look comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jelmored.client.outputs import ConnectionLost, Output
from jelmored.domain.events import (
    Change,
    ErrorNote,
    Event,
    EventType,
    Plan,
    Said,
    System,
    ToolResult,
    ToolUse,
    TurnEnded,
    UsageNote,
)
from jelmored.domain.ids import ApprovalId, ConnectionId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalStatus
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import Status
from jelmored.domain.times import to_rfc3339
from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta

from . import questions
from .closing import Bill
from .labels import homely, label
from .layout import Block, Layout
from .spans import Look, Span
from .speech import Speech
from .text import one_line, shorten

PROMPT_LINES = 8
UNTOLD = frozenset({"unknown", "unread"})
"""Subtypes of `system` that are for programs."""
GRAVE = frozenset({Status.TERMINATED, Status.FAILED})


class Transcript:
    """Told of each output in turn, it says what to show.

    Args:
        view: gives the session as it is known now.
        own: gives our connection, so that others' answers can be told from ours.
        columns: the terminal's width.
        home: the user's home directory.
    """

    def __init__(
        self,
        view: Callable[[], SessionView],
        own: Callable[[], ConnectionId | None] = lambda: None,
        columns: int = 80,
        home: str = "/",
    ) -> None:
        self._view = view
        self._own = own
        self._columns = columns
        self._home = home
        self._layout = Layout()
        self._speech = Speech(self._layout)
        self._bill = Bill()
        self._tools: dict[ToolUseId, str] = {}
        self._last_tool: ToolUseId | None = None
        self._asked: ApprovalId | None = None
        """The approval that is the last thing shown."""

    @property
    def fresh(self) -> bool:
        """The cursor is at the start of a line."""
        return self._layout.fresh

    def head(self) -> list[Span]:
        """The first line: which session this is."""
        view = self._view()
        facts = [str(view.provider), *([view.model] if view.model else []), homely(view.directory, self._home)]
        self._layout.block = Block.PROMPT
        return [Span(label(view), Look.STRONG), Span(" · " + one_line(" · ".join(facts)) + "\n", Look.DIM)]

    def tell(self, output: Output) -> list[Span]:
        """What an output adds."""
        match output:
            case SessionDelta():
                return self._speech.delta(output)
            case ItemVoided():
                return self._speech.voided(output)
            case ConnectionLost(reason=reason):
                return self.aside(f"{reason}; waiting for the daemon …")
            case CaughtUp():
                return []
            case Event():
                return self._event(output)

    def ask(self, approval: Approval) -> list[Span]:
        """The keys that answer it, and before them what is wanted, unless that was the last thing shown."""
        again = [] if self._asked == approval.approval_id else self._question(approval)
        self._asked = approval.approval_id
        return [*again, *questions.answers(approval)]

    def answered(self, words: str) -> list[Span]:
        """An answer that is given without a key."""
        return [Span(questions.BAR, Look.ASKS), Span(f"→ {words}\n")]

    def aside(self, words: str) -> list[Span]:
        """A remark of ours."""
        return self._layout.aside(words)

    def _event(self, event: Event) -> list[Span]:
        match event.event_type, event.metadata:
            case EventType.USER, _:
                return [*self._layout.begin(Block.PROMPT), *_prompt(event.content)]
            case EventType.ASSISTANT, Said() as said:
                return self._speech.said(event, said)
            case EventType.THINKING, Said() as said:
                return self._speech.thought(event, said)
            case _, ToolUse() as use:
                return self._tool(event, use)
            case _, ToolResult() as result:
                return self._result(event, result)
            case _, Approval() as approval:
                return self._approval(approval)
            case _, UsageNote() as usage:
                self._bill.add(usage)
                return []
            case _, TurnEnded() as ended:
                return self._ended(ended)
            case _:
                return self._remark(event)

    def _tool(self, event: Event, use: ToolUse) -> list[Span]:
        self._tools[use.tool_use_id] = use.name
        self._last_tool = use.tool_use_id
        head = f"{'  ' if use.parent_tool_use_id else ''}● {use.kind.value}  "
        what = shorten(one_line(event.content or use.name), self._columns - len(head))
        return [*self._layout.begin(Block.WORK), Span(head, Look.TOOL), Span(what + "\n")]

    def _result(self, event: Event, result: ToolResult) -> list[Span]:
        name = one_line(self._tools.pop(result.tool_use_id, ""))
        which = "" if result.tool_use_id == self._last_tool else f"{name} "
        verdict, look = ("failed", Look.BAD) if result.is_error else ("ok", Look.GOOD)
        head = f"  ⎿ {which}{verdict}"
        folded = _folded(event.content, self._columns - len(head))
        return [*self._layout.begin(Block.WORK), Span(head, look), Span(folded + "\n", Look.DIM)]

    def _approval(self, approval: Approval) -> list[Span]:
        shown = self._asked == approval.approval_id
        if approval.status is ApprovalStatus.OPEN:
            self._asked = approval.approval_id
            return self._question(approval)
        self._asked = None
        again = [] if shown else self._question(approval)
        return [*again, *questions.outcome(approval, self._other(approval))]

    def _question(self, approval: Approval) -> list[Span]:
        return [*self._layout.begin(Block.WORK), *questions.question(approval, self._home)]

    def _other(self, approval: Approval) -> str | None:
        by = approval.resolved_by
        if by is None or (by.connection_id is not None and by.connection_id == self._own()):
            return None
        return one_line(by.client or by.kind)

    def _ended(self, ended: TurnEnded) -> list[Span]:
        bill, self._bill = self._bill, Bill()
        return [*self._layout.begin(Block.END, apart=True), *bill.line(ended, label(self._view()))]

    def _remark(self, event: Event) -> list[Span]:
        match event.metadata:
            case ErrorNote() as error:
                return [*self._layout.begin(Block.WORK), *_error(event.content, error)]
            case Plan(entries=entries):
                return [*self._layout.begin(Block.WORK), *(_entry(entry.content, entry.status) for entry in entries)]
            case System(subtype=subtype) if subtype not in UNTOLD and event.content:
                return self.aside(event.content)
            case Change(to=to) if to in GRAVE or event.event_type is EventType.DIRECTORY_CHANGE:
                return self.aside(event.content)
            case _:
                return []


def _prompt(text: str) -> Iterator[Span]:
    lines = text.split("\n")
    for number, line in enumerate(lines[:PROMPT_LINES]):
        yield Span("› " if number == 0 else "  ", Look.PROMPT)
        yield Span(line + "\n", Look.STRONG)
    if len(lines) > PROMPT_LINES:
        yield Span(f"  … {len(lines) - PROMPT_LINES} more lines\n", Look.DIM)


def _folded(text: str, columns: int) -> str:
    """The first line of a result that says anything, and how many there are beside it."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return ""
    rest = len(lines) - 1
    more = f" (+{rest} line{'s' if rest > 1 else ''})" if rest else ""
    return f"  {shorten(one_line(lines[0]), columns - len(more) - 2)}{more}"


def _error(words: str, error: ErrorNote) -> Iterator[Span]:
    yield Span(f"✗ {one_line(words)}\n", Look.BAD)
    if error.remedy:
        yield Span(f"  → {one_line(error.remedy)}\n")
    if error.retry_at:
        yield Span(f"  it may work again at {to_rfc3339(error.retry_at)}\n", Look.DIM)


def _entry(content: str, status: str) -> Span:
    done = status == "completed"
    sign = "☑" if done else "◐" if status == "in_progress" else "☐"
    return Span(f"  {sign} {one_line(content)}\n", Look.DIM if done else Look.PLAIN)
