"""Lines of claude's stdout in, run events out. Pure: no pipe, no task, no clock but the one it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from jelmored.domain.events import (
    DeltaKind,
    Draft,
    EventType,
    Said,
    ToolResult,
    ToolUse,
    TurnCause,
    TurnReason,
)
from jelmored.domain.ids import PromptId, RequestId, ToolUseId
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind
from jelmored.providers.base import RunEvent, RunFacts, TurnOver

from . import failures, notes, tools
from .asking import Asking
from .bounds import bounded_input
from .messages import (
    Assistant,
    CancelRequest,
    CanUseTool,
    CommandsChanged,
    Compacted,
    HiddenPart,
    Init,
    Message,
    ModelFallback,
    Noise,
    OtherPart,
    OtherRequest,
    Part,
    RateLimit,
    RateLimited,
    Replayed,
    Reply,
    Result,
    Retry,
    StateChanged,
    Streamed,
    TaskEnded,
    TaskStarted,
    TaskUpdated,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
    Unknown,
    User,
)
from .plans import PlanBoard
from .reading import load, read
from .streams import EVENT_OF, Streams
from .tasks import Tasks
from .turns import Turns
from .usage import Ledger

Control = Reply | OtherRequest
"""What belongs to the pipe's own protocol and is for nobody else."""


@attrs.define
class Normaliser:
    """One run's worth of claude, line by line.

    Args:
        directory: where the agent works, absolute; relative paths are meant from there.
        now: the time, for delays that the CLI tells.
    """

    directory: str
    now: Callable[[], datetime] = utc_now
    stray: Result | None = attrs.field(default=None, init=False)
    """A result outside of any turn: the CLI's word on why it can't start."""
    _asking: Asking = attrs.field(factory=Asking, init=False)
    _control: list[Control] = attrs.field(factory=list, init=False)
    _facts: RunFacts = attrs.field(default=RunFacts(), init=False)
    _ledger: Ledger = attrs.field(factory=Ledger, init=False)
    _turns: Turns = attrs.field(init=False)
    _streams: Streams = attrs.field(factory=Streams, init=False)
    _tasks: Tasks = attrs.field(factory=Tasks, init=False)
    _plan: PlanBoard = attrs.field(factory=PlanBoard, init=False)
    _tools: dict[ToolUseId, str] = attrs.field(factory=dict, init=False)
    """The names of the tools whose result is awaited."""
    _error: str | None = attrs.field(default=None, init=False)
    _retry: Retry | None = attrs.field(default=None, init=False)
    _limit: RateLimit | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._turns = Turns(lambda: self._ledger.settle(self._facts.model))

    @property
    def turn_runs(self) -> bool:
        return self._turns.runs

    def prompted(self, message_id: str) -> None:
        """A prompt is given to the agent, by the id of its message: what comes belongs to its turn."""
        self._turns.prompted(message_id)

    def answered(self, request_id: RequestId) -> Mapping[str, Any] | None:
        """A request gets its answer: the tool's whole input, which an allowance repeats. None: nobody waits for it."""
        return self._asking.answer(request_id)

    def steered(self, message_id: str, prompt_id: PromptId) -> None:
        """A message is put into the turn that runs."""
        self._turns.steered(message_id, prompt_id)

    @property
    def untaken(self) -> tuple[str, ...]:
        """The messages that the agent has not taken up."""
        return self._turns.untaken

    def taken_back(self, message_id: str) -> list[RunEvent]:
        """A message was cancelled before the agent began with it."""
        return list(self._turns.taken_back(message_id))

    def feed(self, lines: Sequence[bytes]) -> list[RunEvent]:
        """What these lines mean. Never raises: what can't be read becomes a `system` event."""
        events: list[RunEvent] = []
        for line in lines:
            raw = load(line)
            if (delta := self._streams.piece(raw)) is not None:
                events.append(delta)
            else:
                events.extend(self._hear(read(raw)))
        return events

    def take_control(self) -> list[Control]:
        """What came for the pipe's own protocol since the last look."""
        taken, self._control = self._control, []
        return taken

    def _hear(self, message: Message) -> Iterable[RunEvent]:
        match message:
            case Streamed():
                return self._streamed(message)
            case Assistant():
                return self._said(message)
            case User():
                return self._told(message)
            case Replayed():
                return self._over(self._turns.taken_up(message.uuid))
            case CanUseTool():
                return [self._asking.ask(message, self.directory)]
            case CancelRequest():
                return self._asking.withdraw(message.request_id)
            case StateChanged():
                return self._over(self._turns.state(message.state))
            case Init():
                return [*self._over(self._turns.set_out()), *self._news(message)]
            case Result():
                return self._ended(message)
            case Retry():
                return self._retried(message)
            case RateLimited():
                return self._limited(message.rate_limit_info)
            case TaskStarted():
                self._tasks.started(message)
            case TaskUpdated():
                return self._tasks.updated(message)
            case TaskEnded():
                return self._tasks.ended(message)
            case Compacted():
                return [notes.compacted(message)]
            case ModelFallback():
                return [notes.fell_back(message), RunFacts(model=message.fallback_model)]
            case CommandsChanged():
                return [RunFacts(commands=tuple(command.name for command in message.commands))]
            case Reply() | OtherRequest():
                self._control.append(message)
            case Noise():
                pass
            case Unknown():
                return [notes.unknown(message.raw)]
        return []

    def _streamed(self, message: Streamed) -> Iterable[RunEvent]:
        try:
            heard = self._streams.hear(message.event, message.parent_tool_use_id)
        except (KeyError, TypeError):
            return [notes.unknown({"type": "stream_event", "event": message.event})]
        return heard if self._turns.runs or message.parent_tool_use_id else [*self._working(), *heard]

    def _said(self, message: Assistant) -> list[RunEvent]:
        if message.error is not None:
            return self._gave_up(message, message.error)
        events: list[RunEvent] = [] if message.parent_tool_use_id else self._working()
        for part in message.message.content:
            events.extend(self._part(part, message))
        return events

    def _part(self, part: Part, message: Assistant) -> Iterable[RunEvent]:
        match part:
            case TextPart():
                return self._whole(part.text, DeltaKind.TEXT, message)
            case ThinkingPart():
                return self._whole(part.thinking, DeltaKind.THINKING, message)
            case ToolUsePart():
                voided = self._streams.pass_block(message.message.id, message.parent_tool_use_id)
                return [*voided, *self._used(part, message)]
            case ToolResultPart():
                return self._result(part, None, message.uuid)
            case HiddenPart():
                return self._streams.pass_block(message.message.id, message.parent_tool_use_id)
            case OtherPart():
                return [notes.unknown(part.raw)]

    def _whole(self, text: str, kind: DeltaKind, message: Assistant) -> Iterable[RunEvent]:
        parent = message.parent_tool_use_id
        item_id, voided = self._streams.close(message.message.id, kind, parent)
        if not text or (message.synthetic and text == "(no content)"):
            return voided
        said = Said(
            item_id=item_id,
            model=None if message.synthetic else message.message.model,
            parent_tool_use_id=parent,
            supersedes=self._streams.superseded(parent),
            native_id=message.uuid,
        )
        return [*voided, Draft(EVENT_OF[kind], text, said)]

    def _used(self, part: ToolUsePart, message: Assistant) -> Iterable[RunEvent]:
        self._tools[part.id] = part.name
        use = ToolUse(
            tool_use_id=part.id,
            name=part.name,
            kind=tools.kind_of(part.name),
            input=bounded_input(part.input),
            locations=tools.locations(part.input, self.directory),
            parent_tool_use_id=message.parent_tool_use_id,
            native_id=message.uuid,
        )
        draft = Draft(EventType.TOOL_USE, tools.title(part.name, part.input), use)
        return [draft, *self._plan.used(part.name, part.input)]

    def _told(self, message: User) -> list[RunEvent]:
        """Only results are news: other texts are the prompt, a subagent's task, or the CLI's notes to the model."""
        if isinstance(message.message.content, str):
            return []
        events: list[RunEvent] = []
        for part in message.message.content:
            if isinstance(part, ToolResultPart):
                events.extend(self._result(part, message.tool_use_result, message.uuid))
            elif isinstance(part, OtherPart):
                events.append(notes.unknown(part.raw))
        return events

    def _result(self, part: ToolResultPart, outcome: Any, native_id: str | None) -> Iterable[RunEvent]:
        text, truncated = tools.result_text(part.content)
        result = ToolResult(
            tool_use_id=part.tool_use_id,
            is_error=part.is_error,
            truncated=truncated or None,
            diffs=() if part.is_error else tools.diffs_done(outcome),
            native_id=native_id,
        )
        name = self._tools.pop(part.tool_use_id, None)
        plan = [] if part.is_error else self._plan.done(name, outcome)
        return [Draft(EventType.TOOL_RESULT, text, result), *plan, *self._tasks.tool_ended(part.tool_use_id)]

    def _news(self, init: Init) -> Iterable[RunEvent]:
        """What is new in the state that stands at the head of each turn."""
        self.directory = init.cwd
        self._ledger.notional = init.api_key_source == "none"
        facts = RunFacts(
            native_id=init.session_id,
            used=True,
            model=init.model,
            directory=init.cwd,
            commands=init.slash_commands or None,
        )
        if facts == self._facts:
            return []
        self._facts = facts
        return [facts]

    def _working(self) -> list[RunEvent]:
        return self._over(self._turns.working())

    def _over(self, events: Sequence[RunEvent]) -> list[RunEvent]:
        """Nobody waits for an answer any more when the turn is over."""
        if not any(isinstance(event, TurnOver) for event in events):
            return list(events)
        self._tasks.turn_over()
        self._tools.clear()
        self._streams.finish()
        return [*self._asking.withdraw_all(), *events]

    def _ended(self, result: Result) -> list[RunEvent]:
        self._ledger.enter(result)
        if not self._turns.runs:
            self.stray = result
        over = self._verdict(result)
        self._error = self._retry = self._limit = None
        by_itself = result.origin is not None and result.origin.kind == "task-notification"
        return self._over(self._turns.ended(over, by_itself=by_itself))

    def _verdict(self, result: Result) -> TurnOver:
        if (result.terminal_reason or "").startswith("aborted_"):
            return TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER)
        if not result.is_error:
            return TurnOver(reason=TurnReason.COMPLETED)
        match result.subtype:
            case "error_max_turns":
                return TurnOver(reason=TurnReason.MAX_TURNS)
            case "error_max_budget_usd":
                return TurnOver(reason=TurnReason.BUDGET)
        failure = failures.of_turn(result, self._error, self._retry, self._limit)
        reason = TurnReason.REFUSED if failure.kind is ErrorKind.REFUSED else TurnReason.FAILED
        return TurnOver(reason=reason, failure=failure)

    def _gave_up(self, message: Assistant, error: str) -> list[RunEvent]:
        """The CLI's words for a failed request. In the main line they come again as the turn's failure."""
        if message.parent_tool_use_id is None:
            self._error = error
            return self._working()
        words = " ".join(part.text for part in message.message.content if isinstance(part, TextPart))
        return [notes.gave_up(words, error, self._retry.error_status if self._retry else None)]

    def _retried(self, retry: Retry) -> Iterable[RunEvent]:
        self._retry = retry
        return [notes.retried(retry, self.now())]

    def _limited(self, limit: RateLimit) -> Iterable[RunEvent]:
        """A warning is for people; a rejection is told by the turn's failure."""
        if limit.status == "rejected":
            self._limit = limit
        return [notes.quota(limit)] if limit.status == "allowed_warning" else []
