"""What the agent and its subagents say and do, part by part: texts, thoughts, tools and their results. The server may
tell a part more than once, in its stream and in its list of messages; each is opened once and closed once."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jelmored.domain.events import DeltaKind, Draft, EventType, Said, ToolResult, ToolUse
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.providers.base import Delta, ItemVoided, RunEvent
from jelmored.providers.bounds import bounded_input

from . import tools
from .family import Family
from .messages import Message, PartDelta, ReasoningPart, TextPart, ToolPart

_EVENT_OF = {DeltaKind.TEXT: EventType.ASSISTANT, DeltaKind.THINKING: EventType.THINKING}

LOST = "The tool was interrupted before it had a result."


@attrs.define
class _Item:
    """A text or thought that is open. `gap`: some of it was missed, so that no more is told until all of it is."""

    session_id: str
    kind: DeltaKind
    heard: int = 0
    """Characters."""
    gap: bool = False


@attrs.define
class _Tool:
    """A tool that has no result yet."""

    part: ToolPart
    used: bool = False
    output: str = ""


@attrs.define
class Speech:
    """All of it in the turn that runs.

    Args:
        directory: relative paths are meant from there.
        family: whose parts they are.
    """

    directory: str
    family: Family
    _items: dict[str, _Item] = attrs.field(factory=dict, init=False)
    _tools: dict[str, _Tool] = attrs.field(factory=dict, init=False)
    _closed: set[str] = attrs.field(factory=set, init=False)
    """Parts of this turn that are over, or void."""

    def tool_that(self, message_id: str, call_id: str) -> ToolPart | None:
        """The tool of this call, while it has no result."""
        return next(
            (
                tool.part
                for tool in self._tools.values()
                if (tool.part.message_id, tool.part.call_id) == (message_id, call_id)
            ),
            None,
        )

    def more(self, delta: PartDelta) -> list[RunEvent]:
        """A piece of a text or thought; of one that is not known to be open, nothing."""
        item = self._items.get(delta.part_id)
        if item is None or item.gap or delta.field != "text" or not delta.delta:
            return []
        return [self._delta(delta.part_id, item, delta.delta)]

    def said(self, part: TextPart | ReasoningPart, message: Message) -> list[RunEvent]:
        """A text or thought begins, or is whole."""
        if part.id in self._closed:
            return []
        item = self._items.setdefault(part.id, _Item(part.session_id, _kind(part)))
        if part.time.end is None:
            return []
        return self._close(part, item, message)

    def did(self, part: ToolPart, message: Message) -> Iterator[RunEvent]:
        """A tool is named, is used, tells more of its output, or is over."""
        if part.id in self._closed:
            return
        tool = self._tools.get(part.id)
        if tool is None:
            tool = self._tools[part.id] = _Tool(part)
            if part.tool == tools.TASK:
                self.family.began(part.session_id, ToolUseId(part.id))
        tool.part = part
        if part.state.status == "pending":
            return
        self._claim(part)
        if not tool.used:
            tool.used = True
            yield self._use(part, message)
        if part.state.is_over:
            yield self._result(part, message, part.state.status == "error" or part.tool == tools.INVALID)
        else:
            yield from self._output(part, tool)

    def missed(self, part: TextPart | ReasoningPart | ToolPart, message: Message) -> Iterator[RunEvent]:
        """A part as the list of messages has it, after some of the stream was missed."""
        if isinstance(part, ToolPart):
            yield from self.did(part, message)
            return
        yield from self.said(part, message)
        if item := self._items.get(part.id):
            if len(part.text) > item.heard:
                yield self._delta(part.id, item, part.text[item.heard :])
            item.gap = True

    def final(self, part: TextPart | ReasoningPart | ToolPart, message: Message) -> Iterator[RunEvent]:
        """A part as it stands at the end of its turn: nothing more comes. A text whose words were not kept is left
        open, for the session has them."""
        if part.id in self._closed:
            return
        if isinstance(part, ToolPart):
            yield from self.did(part, message)
            if (tool := self._tools.get(part.id)) and tool.used:
                lost = attrs.evolve(part, state=attrs.evolve(part.state, error=LOST))
                yield self._result(lost, message, is_error=True)
            return
        item = self._items.setdefault(part.id, _Item(part.session_id, _kind(part)))
        if part.text or part.time.end is not None:
            yield from self._close(part, item, message)

    def void(self, session_id: str, *, before: str | None = None) -> list[RunEvent]:
        """The call of the model is made again: what it has said so far does not count.

        Args:
            session_id: whose call.
            before: the part with which the new call begins, where it is known; ids sort by time.
        """
        ids = [part_id for part_id, item in self._items.items() if item.session_id == session_id]
        voided: list[RunEvent] = []
        for part_id in ids if before is None else [part_id for part_id in ids if part_id < before]:
            if self._items.pop(part_id).heard:
                voided.append(ItemVoided(item_id=ItemId(part_id), reason="the agent calls the model again"))
            self._closed.add(part_id)
        return voided

    def turn_over(self) -> None:
        self._items.clear()
        self._tools.clear()
        self._closed.clear()

    def _delta(self, part_id: str, item: _Item, text: str) -> Delta:
        item.heard += len(text)
        parent = self.family.task_of(item.session_id)
        return Delta(item_id=ItemId(part_id), kind=item.kind, text=text, parent_tool_use_id=parent)

    def _close(self, part: TextPart | ReasoningPart, item: _Item, message: Message) -> list[RunEvent]:
        self._closed.add(part.id)
        del self._items[part.id]
        item_id = ItemId(part.id)
        if not part.text:
            return [ItemVoided(item_id=item_id, reason="it came to nothing")] if item.heard else []
        said = Said(
            item_id=item_id,
            model=message.model,
            parent_tool_use_id=self.family.task_of(part.session_id),
            native_id=message.id,
        )
        return [Draft(_EVENT_OF[item.kind], part.text, said)]

    def _claim(self, part: ToolPart) -> None:
        if part.tool == tools.TASK and isinstance(child := part.state.metadata.get("sessionId"), str):
            self.family.claim(child, part.session_id, ToolUseId(part.id))

    def _use(self, part: ToolPart, message: Message) -> Draft:
        name = tools.name_of(part)
        use = ToolUse(
            tool_use_id=ToolUseId(part.id),
            name=name,
            kind=tools.kind_of(name),
            input=bounded_input(part.state.input),
            locations=tools.locations(part.state.input, self.directory),
            parent_tool_use_id=self.family.task_of(part.session_id),
            native_id=message.id,
        )
        return Draft(EventType.TOOL_USE, tools.title(name, part.state.input), use)

    def _output(self, part: ToolPart, tool: _Tool) -> Iterator[RunEvent]:
        output = part.state.metadata.get("output")
        if not isinstance(output, str):
            return
        more = tools.more_of(tool.output, output)
        tool.output = output
        if more:
            parent = self.family.task_of(part.session_id)
            yield Delta(item_id=ItemId(part.id), kind=DeltaKind.TOOL_OUTPUT, text=more, parent_tool_use_id=parent)

    def _result(self, part: ToolPart, message: Message, is_error: bool) -> Draft:
        self._closed.add(part.id)
        del self._tools[part.id]
        text, truncated = tools.result(part)
        result = ToolResult(
            tool_use_id=ToolUseId(part.id),
            is_error=is_error,
            truncated=truncated or None,
            diffs=() if is_error else tools.diffs(part.state.input, part.state.metadata, self.directory),
            parent_tool_use_id=self.family.task_of(part.session_id),
            native_id=message.id,
        )
        return Draft(EventType.TOOL_RESULT, text, result)


def _kind(part: TextPart | ReasoningPart) -> DeltaKind:
    return DeltaKind.TEXT if isinstance(part, TextPart) else DeltaKind.THINKING
