"""A conversation on a live screen: what may still change is held back and drawn below; what is settled is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jelmored.domain.events import Event, Plan, PlanEntry, ToolResult, ToolUse, TurnEnded, UserNote
from jelmored.domain.ids import ApprovalId, ConnectionId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalStatus
from jelmored.domain.sessions import SessionView

from . import questions
from .layout import Block
from .spans import Look, Row, Span
from .text import one_line
from .tools import Tool
from .transcript import Transcript, entry, prompt
from .waiting import Waiting
from .wrapping import clip

RUNNING_ROWS = 4
PLAN_ROWS = 6
OWN_NAMES = frozenset({"jelmore"})
"""Who speaks by this program needs no name."""


class Folding(Transcript):
    """As its base tells it, but a tool is a line once it has ended, an approval once it is settled, a plan once its
    turn is over, and a prompt that waits once its turn begins."""

    def __init__(
        self, view: Callable[[], SessionView], own: Callable[[], ConnectionId | None], columns: int, home: str
    ) -> None:
        super().__init__(view, own, columns, home)
        self.waiting = Waiting()
        self._plan: tuple[PlanEntry, ...] = ()
        self._plan_said: tuple[PlanEntry, ...] = ()
        self._unfolded: set[ToolUseId] = set()
        self._words: dict[ApprovalId, str] = {}

    def note(self, approval: Approval, words: str) -> None:
        """What we answer, beside which option: stands in its line once it is settled."""
        self._words[approval.approval_id] = words

    def open_tool(self) -> Tool | None:
        """The last one; when asked again the one before."""
        return self._tools.open()

    @property
    def apart(self) -> bool:
        """Is what stands below to be set apart from what was said last?"""
        return self._layout.block is not Block.WORK

    def below(self, columns: int, asked: ToolUseId | None) -> list[Row]:
        """What may still change: tools that run, but the one that is asked for; the plan, prompts that wait."""
        return [*self._running(columns, asked), *self._plan_rows(columns), *self.waiting.rows(columns)]

    # What is told otherwise than by the base

    def _event(self, event: Event) -> list[Span]:
        begun = self.waiting.tell(event)
        said = [] if begun is None else [*self._layout.begin(Block.PROMPT), *prompt(begun)]
        return [*said, *super()._event(event)]

    def _prompted(self, event: Event, note: UserNote) -> list[Span]:
        if note.disposition == "queued":
            return []
        whose = [] if note.by.client in OWN_NAMES else [Span(f"  from {one_line(note.by.client)}\n", Look.DIM)]
        return [*super()._prompted(event, note), *whose]

    def _tool(self, event: Event, use: ToolUse) -> list[Span]:
        self._tools.used(event, use)
        return []

    def _result(self, event: Event, result: ToolResult) -> list[Span]:
        tool = self._tools.ended(event, result)
        if tool is None:
            return super()._result(event, result)
        if tool.use.tool_use_id in self._unfolded:
            self._last_tool = None
            return self._outcome(tool, event)
        indent = self._tools.nesting.indent(tool.use.parent_tool_use_id)
        return [*self._line_of(tool), *_lines(tool.difference(indent, self._home))]

    def _outcome(self, tool: Tool, event: Event) -> list[Span]:
        """Of one that was said before, because others work under it."""
        self._unfolded.discard(tool.use.tool_use_id)
        indent = self._tools.nesting.indent(tool.use.parent_tool_use_id)
        head = Span(f"{indent}⎿ ", Look.TOOL)
        return [*self._layout.begin(Block.WORK), *_lines([(head, *tool.line("", self.columns - len(indent) - 2))])]

    def _line_of(self, tool: Tool) -> list[Span]:
        parent = tool.use.parent_tool_use_id
        line = tool.line(self._tools.nesting.indent(parent), self.columns)
        return [*self._under(parent, tool.use.tool_use_id), *line, Span("\n")]

    def _under(self, parent: ToolUseId | None, tool: ToolUseId | None = None) -> list[Span]:
        """The tool that others work for is said before them."""
        above = next((one for one in self._tools.running if one.use.tool_use_id == parent), None)
        if above is None or above.use.tool_use_id in self._unfolded:
            return super()._under(parent, tool)
        self._unfolded.add(above.use.tool_use_id)
        return [*self._line_of(above), *super()._under(parent, tool)]

    def _approval(self, approval: Approval) -> list[Span]:
        if approval.status is ApprovalStatus.OPEN:
            return []
        words = self._words.pop(approval.approval_id, None)
        settled = questions.settled(approval, self._other(approval), words, self.columns)
        return [*self._layout.begin(Block.WORK), *settled, Span("\n")]

    def _planned(self, plan: Plan) -> list[Span]:
        self._plan = plan.entries
        return []

    def _ended(self, ended: TurnEnded) -> list[Span]:
        lost = [span for tool in self._tools.turn_over() for span in self._line_of(tool)]
        self._unfolded.clear()
        self._words.clear()
        said = [] if self._plan == self._plan_said else super()._planned(Plan(entries=self._plan))
        self._plan_said = self._plan
        return [*lost, *said, *super()._ended(ended)]

    # What is drawn below

    def _running(self, columns: int, asked: ToolUseId | None) -> list[Row]:
        tools = [tool for tool in self._tools.running if asked is None or tool.use.tool_use_id != asked]
        left_out = len(tools) - RUNNING_ROWS
        rows = [tool.line(self._tools.nesting.indent(tool.use.parent_tool_use_id), columns) for tool in tools]
        if left_out > 0:
            rows = [(Span(f"  … {left_out + 1} more run", Look.DIM),), *rows[left_out + 1 :]]
        return rows

    def _plan_rows(self, columns: int) -> list[Row]:
        """While it changes; of a long one the part that is in hand."""
        if self._plan == self._plan_said:
            return []
        done = sum(one.status == "completed" for one in self._plan)
        first = max(0, min(done - 1, len(self._plan) - PLAN_ROWS))
        seen = self._plan[first : first + PLAN_ROWS]
        count = [(Span(f"  {done} of {len(self._plan)} done", Look.DIM),)] if len(seen) < len(self._plan) else []
        return [*count, *(clip([entry(one.content, one.status)], columns) for one in seen)]


def _lines(rows: Iterable[Row]) -> list[Span]:
    return [span for row in rows for span in (*row, Span("\n"))]
