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
    UserNote,
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
from .text import one_line
from .tools import Tools, folded

PROMPT_LINES = 8
UNTOLD = frozenset({"unknown", "unread"})
"""Subtypes of `system` that are for programs."""
GRAVE = frozenset({Status.TERMINATED, Status.FAILED, Status.SUSPENDED})
ENDED = frozenset({Status.TERMINATED, Status.SUSPENDED})
"""Whoever opens it again is told of."""


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
        self.columns = columns
        self._home = home
        self._layout = Layout()
        self._speech = Speech(self._layout)
        self._bill = Bill()
        self._tools = Tools()
        self._last_tool: ToolUseId | None = None
        self._asked: ApprovalId | None = None
        """The approval that is the last thing shown."""
        self._lost = False

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
                self._lost = True
                return self.aside(f"{reason}; waiting for the daemon …")
            case CaughtUp():
                lost, self._lost = self._lost, False
                return self.aside("connected again") if lost else []
            case Event():
                return self._event(output)

    def answered(self, words: str) -> list[Span]:
        """An answer that is given without a key."""
        return [Span(questions.BAR, Look.ASKS), Span(f"→ {words}\n")]

    def aside(self, words: str) -> list[Span]:
        """A remark of ours."""
        return self._layout.aside(words)

    def work(self) -> list[Span]:
        """What is shown next are whole lines."""
        return self._layout.begin(Block.WORK)

    def close(self) -> list[Span]:
        """Nothing follows."""
        return self._layout.end_line()

    def _event(self, event: Event) -> list[Span]:
        match event.event_type, event.metadata:
            case EventType.USER, UserNote() as note:
                return self._prompted(event, note)
            case EventType.ASSISTANT | EventType.THINKING, Said(parent_tool_use_id=str()) as said:
                return self._aside_of(event, said)
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
            case _, Plan() as plan:
                return self._planned(plan)
            case _, UsageNote() as usage:
                self._bill.add(usage)
                return []
            case _, TurnEnded() as ended:
                return self._ended(ended)
            case _:
                return self._remark(event)

    def _prompted(self, event: Event, note: UserNote) -> list[Span]:
        return [*self._layout.begin(Block.PROMPT), *prompt(event.content)]

    def _aside_of(self, event: Event, said: Said) -> list[Span]:
        """What a sub-agent says is no answer: a line of it, under the tool that it works for."""
        if event.event_type is EventType.THINKING or not event.content.strip():
            return []
        indent = self._tools.nesting.indent(said.parent_tool_use_id)
        words = folded(event.content, self.columns - len(indent) - 1).strip()
        return [*self._under(said.parent_tool_use_id), Span(f"{indent}┆ {words}\n", Look.DIM)]

    def _tool(self, event: Event, use: ToolUse) -> list[Span]:
        tool = self._tools.used(event, use)
        self._last_tool = use.tool_use_id
        indent = self._tools.nesting.indent(use.parent_tool_use_id)
        line = tool.line(indent, self.columns)
        return [*self._under(use.parent_tool_use_id, use.tool_use_id), *line, Span("\n")]

    def _under(self, parent: ToolUseId | None, tool: ToolUseId | None = None) -> list[Span]:
        """Begin a line of work; it is said whose it is, where that can't be seen."""
        name = self._tools.nesting.turn_to(parent, tool)
        indent = self._tools.nesting.indent(parent)[2:]
        whose = [] if name is None else [Span(f"{indent}┆ of {name}\n", Look.DIM)]
        return [*self._layout.begin(Block.WORK), *whose]

    def _result(self, event: Event, result: ToolResult) -> list[Span]:
        tool = self._tools.ended(event, result)
        name = one_line(tool.use.name) if tool else ""
        which = "" if result.tool_use_id == self._last_tool else f"{name} "
        verdict, look = ("failed", Look.BAD) if result.is_error else ("ok", Look.GOOD)
        indent = self._tools.nesting.indent(tool.use.parent_tool_use_id) if tool else ""
        head = f"{indent}  ⎿ {which}{verdict}"
        words = folded(event.content, self.columns - len(head))
        return [*self._layout.begin(Block.WORK), Span(head, look), Span(words + "\n", Look.DIM)]

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

    def _planned(self, plan: Plan) -> list[Span]:
        entries = (entry(one.content, one.status) for one in plan.entries)
        return [*self._layout.begin(Block.WORK), *(span for row in entries for span in (row, Span("\n")))]

    def _ended(self, ended: TurnEnded) -> list[Span]:
        self._tools.turn_over()
        bill, self._bill = self._bill, Bill()
        return [*self._layout.begin(Block.END, apart=True), *bill.line(ended, label(self._view()))]

    def _remark(self, event: Event) -> list[Span]:
        match event.metadata:
            case ErrorNote() as error:
                return [*self._layout.begin(Block.WORK), *_error(event.content, error)]
            case System(subtype=subtype) if subtype not in UNTOLD and event.content:
                return self.aside(event.content)
            case Change(from_=was, to=to) if (
                to in GRAVE or was in ENDED or event.event_type is EventType.DIRECTORY_CHANGE
            ):
                return self.aside(event.content)
            case _:
                return []


def prompt(text: str) -> Iterator[Span]:
    """What was said to the agent."""
    lines = text.split("\n")
    for number, line in enumerate(lines[:PROMPT_LINES]):
        yield Span("› " if number == 0 else "  ", Look.PROMPT)
        yield Span(line + "\n", Look.STRONG)
    if len(lines) > PROMPT_LINES:
        yield Span(f"  … {len(lines) - PROMPT_LINES} more lines\n", Look.DIM)


def _error(words: str, error: ErrorNote) -> Iterator[Span]:
    yield Span(f"✗ {one_line(words)}\n", Look.BAD)
    if error.remedy:
        yield Span(f"  → {one_line(error.remedy)}\n")
    if error.retry_at:
        yield Span(f"  it may work again at {to_rfc3339(error.retry_at)}\n", Look.DIM)


def entry(content: str, status: str) -> Span:
    """What is to be done, and whether it is."""
    done = status == "completed"
    sign = "☑" if done else "◐" if status == "in_progress" else "☐"
    return Span(f"  {sign} {one_line(content)}", Look.DIM if done else Look.PLAIN)
