"""What the agent and its subagents say and do: their texts, thoughts, tools and results. Each item of a subagent names
the tool use that it works for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from jelmored.domain.events import DeltaKind, Draft, EventType, Said, ToolResult, ToolUse
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.providers.base import Delta, RunEvent
from jelmored.providers.bounds import bounded_input

from . import notes, tools
from .control import ToolRequest
from .known import Known
from .messages import (
    Assistant,
    HiddenPart,
    OtherPart,
    Part,
    Result,
    Streamed,
    TextPart,
    ThinkingPart,
    ToolResultPart,
    ToolUsePart,
    User,
)
from .plans import PlanBoard
from .streams import EVENT_OF, Streams
from .tasks import Tasks


@attrs.define
class Speech:
    """All of it in one run.

    Args:
        known: of the agent; where it is now, relative paths are meant from.
    """

    known: Known
    tasks: Tasks = attrs.field(factory=Tasks, init=False)
    _streams: Streams = attrs.field(factory=Streams, init=False)
    _plan: PlanBoard = attrs.field(factory=PlanBoard, init=False)
    _tools: dict[ToolUseId, str] = attrs.field(factory=dict, init=False)
    """The names of the tools whose result is awaited."""
    _spoke: bool = attrs.field(default=False, init=False)
    """The agent has said something in the main line since the last result."""

    def piece(self, raw: Any) -> Delta | None:
        return self._streams.piece(raw)

    def streamed(self, message: Streamed) -> Iterable[RunEvent]:
        try:
            heard = self._streams.hear(message.event, message.parent_tool_use_id)
            return heard if message.parent_tool_use_id else [*heard, *self._answered(message.event)]
        except (KeyError, TypeError):
            return [notes.unknown({"type": "stream_event", "event": message.event})]

    def said(self, message: Assistant) -> Iterable[RunEvent]:
        if message.parent_tool_use_id is None and not message.synthetic:
            self.known.called(message.message.usage)
        for part in message.message.content:
            yield from self._part(part, message)

    def asked(self, request: ToolRequest) -> list[Draft]:
        """A subagent asks for a tool before it is heard to use it: the use comes first."""
        if request.agent_id is None or request.tool_use_id is None or request.tool_use_id in self._tools:
            return []
        part = ToolUsePart(id=request.tool_use_id, name=request.tool_name, input=request.input)
        return [self._use(part, self.tasks.parent_of(request.agent_id), None)]

    def told(self, message: User) -> Iterable[RunEvent]:
        """Only results are news: other texts are the prompt, a subagent's task, or the CLI's notes to the model."""
        if isinstance(message.message.content, str):
            return
        for part in message.message.content:
            if isinstance(part, ToolResultPart):
                yield from self._result(part, message)
            elif isinstance(part, OtherPart):
                yield notes.unknown(part.raw)

    def ended(self, result: Result) -> Iterable[RunEvent]:
        """Some slash commands have an answer that nobody says: it is the result's text."""
        spoke, self._spoke = self._spoke, False
        if spoke or result.is_error or not result.result.strip():
            return []
        said = Said(item_id=ItemId(f"result.{result.uuid}"), native_id=result.uuid)
        return [Draft(EventType.ASSISTANT, result.result, said)]

    def turn_over(self) -> None:
        """Nothing in the foreground outlives a turn."""
        self.tasks.turn_over()
        self._tools.clear()
        self._streams.finish()

    def _answered(self, event: Mapping[str, Any]) -> Iterable[RunEvent]:
        match event:
            case {"type": "message_delta", "usage": {"output_tokens": int(tokens)}}:
                return self.known.answered(tokens)
        return []

    def _part(self, part: Part, message: Assistant) -> Iterable[RunEvent]:
        match part:
            case TextPart():
                return self._whole(part.text, DeltaKind.TEXT, message)
            case ThinkingPart():
                return self._whole(part.thinking, DeltaKind.THINKING, message)
            case ToolUsePart():
                voided = self._streams.pass_block(message.message.id, message.parent_tool_use_id)
                if part.id in self._tools:
                    return voided
                return [*voided, self._use(part, message.parent_tool_use_id, message.uuid)]
            case ToolResultPart():
                return self._result(part, message)
            case HiddenPart():
                return self._streams.pass_block(message.message.id, message.parent_tool_use_id)
            case OtherPart():
                return [notes.unknown(part.raw)]

    def _whole(self, text: str, kind: DeltaKind, message: Assistant) -> Iterable[RunEvent]:
        parent = message.parent_tool_use_id
        item_id, voided = self._streams.close(message.message.id, kind, parent)
        if not text or (message.synthetic and text == "(no content)"):
            return voided
        self._spoke = self._spoke or (parent is None and kind is DeltaKind.TEXT)
        said = Said(
            item_id=item_id,
            model=None if message.synthetic else message.message.model,
            parent_tool_use_id=parent,
            supersedes=self._streams.superseded(parent),
            native_id=message.uuid,
        )
        return [*voided, Draft(EVENT_OF[kind], text, said)]

    def _use(self, part: ToolUsePart, parent: ToolUseId | None, native_id: str | None) -> Draft:
        self._tools[part.id] = part.name
        use = ToolUse(
            tool_use_id=part.id,
            name=part.name,
            kind=tools.kind_of(part.name),
            input=bounded_input(part.input),
            locations=tools.locations(part.input, self.known.directory),
            parent_tool_use_id=parent,
            native_id=native_id,
        )
        return Draft(EventType.TOOL_USE, tools.title(part.name, part.input), use)

    def _result(self, part: ToolResultPart, message: User | Assistant) -> Iterable[RunEvent]:
        outcome = message.tool_use_result if isinstance(message, User) else None
        text, truncated = tools.result_text(part.content)
        result = ToolResult(
            tool_use_id=part.tool_use_id,
            is_error=part.is_error,
            truncated=truncated or None,
            diffs=() if part.is_error else tools.diffs_done(outcome),
            parent_tool_use_id=message.parent_tool_use_id,
            native_id=message.uuid,
        )
        name = self._tools.pop(part.tool_use_id, None)
        done = [] if part.is_error else self._done(name, outcome)
        return [Draft(EventType.TOOL_RESULT, text, result), *done, *self.tasks.tool_ended(part.tool_use_id)]

    def _done(self, name: str | None, outcome: Any) -> Iterable[RunEvent]:
        """What a tool that has worked changes beside its result."""
        if name in ("EnterWorktree", "ExitWorktree"):
            return self.known.settled(outcome)
        return self._plan.done(name, outcome)
