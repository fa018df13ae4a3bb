"""How a session stands at a point of its log, from the events up to there. What is open there, a fork must close."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jelmored.domain.events import (
    Change,
    Draft,
    Event,
    EventType,
    Said,
    System,
    ToolResult,
    ToolUse,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UserNote,
)
from jelmored.domain.ids import PromptId, ProviderName, ToolUseId
from jelmored.domain.sessions import OpenTurn
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now

BREAKS = frozenset({"cleared", "native_lost"})
"""The agent's own session before such an event is another than after it."""


@attrs.define
class Standing:
    """How a session stands after the events that it was shown."""

    turn: int = 0
    open_turn: OpenTurn | None = None
    status: str = Status.IDLE
    directory: str | None = None
    """None: it never changed."""
    provider: ProviderName | None = None
    """Where it was; None: nothing has happened yet."""
    waiting: dict[PromptId, None] = attrs.field(factory=dict)
    """Prompts that the agent has not been given, or is not known to have read."""
    said: str | None = None
    """The agent's id of the last message that it is sure to find again: a text, or the result of a tool. Thoughts, and
    tools that have no result, are dropped from a conversation that was cut there."""
    restored: bool = False
    """It has come from elsewhere, with what was said there."""
    uses: dict[ToolUseId, str] = attrs.field(factory=dict)
    """The agent's ids of tool uses that have no result yet, of the turn in hand."""

    def show(self, event: Event) -> None:
        """The next one."""
        self.provider = event.provider or self.provider
        match event.event_type, event.metadata:
            case EventType.TURN_STARTED, TurnStarted(prompt_id=prompt_id):
                self.turn = event.turn or self.turn
                self.open_turn = OpenTurn(number=self.turn, prompt_id=prompt_id, started_at=event.timestamp)
                self._begun(prompt_id)
            case EventType.TURN_ENDED, _:
                self.open_turn = None
                self.uses.clear()
            case EventType.STATUS_CHANGE, Change(to=status):
                self.status = status
            case EventType.DIRECTORY_CHANGE, Change(to=directory):
                self.directory = directory
            case _, UserNote(prompt_id=prompt_id):
                self.waiting[prompt_id] = None
            case _, System(subtype="prompt_dropped" | "steered", data={"promptId": prompt_id}):
                self._begun(prompt_id)
            case _, System(subtype="restored"):
                self.restored = True
            case _, System(subtype=subtype) if subtype in BREAKS:
                self.said = None
            case EventType.ASSISTANT, Said(native_id=str(said), parent_tool_use_id=None):
                self.said = said
            case _, ToolUse(native_id=str(said), parent_tool_use_id=None, tool_use_id=tool):
                self.uses[tool] = said
            case _, ToolResult(tool_use_id=tool, native_id=result) if (use := self.uses.pop(tool, None)) is not None:
                self.said = result or use

    def _begun(self, prompt_id: PromptId | None) -> None:
        if prompt_id is not None:
            self.waiting.pop(prompt_id, None)

    def closing(self) -> Iterator[tuple[int | None, Draft]]:
        """What ends all that is under way, with the turn that it belongs to."""
        turn = self.open_turn
        if turn is not None:
            lasted = (utc_now() - turn.started_at).total_seconds()
            ended = TurnEnded(reason=TurnReason.INTERRUPTED, duration_ms=max(int(lasted * 1000), 0))
            yield turn.number, Draft(EventType.TURN_ENDED, ended.reason, ended)
        if turn is not None or self.status != Status.IDLE:  # one follows the end of a turn, whatever was before
            change = Change(from_=self.status, to=Status.IDLE)
            yield None, Draft(EventType.STATUS_CHANGE, f"{change.from_} → {change.to}", change)
        for prompt_id in self.waiting:
            dropped = System(subtype="prompt_dropped", data={"promptId": prompt_id})
            yield None, Draft(EventType.SYSTEM, "a prompt was left behind by a fork", dropped)
