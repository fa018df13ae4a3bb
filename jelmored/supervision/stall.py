"""The stall clock: how long an agent may be silent. Pure; told what happens and when."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jelmored.domain.events import Draft, ToolResult, ToolUse
from jelmored.domain.ids import PromptId, RequestId, ToolUseId
from jelmored.providers.base import Asked, RunEvent, RunTimeouts, Taken, TakenBack, TurnBegan, TurnOver, Withdrawn


@attrs.define
class StallClock:
    """Runs while the model's answer is awaited. It stops while an approval is open; while a tool runs, the tool's own
    limit counts. Times are those of Trio's clock, in seconds."""

    timeouts: RunTimeouts
    in_turn: bool = False
    _alive: float = 0
    _tools: dict[ToolUseId, float] = attrs.field(factory=dict)
    _asked: set[RequestId] = attrs.field(factory=set)
    _steering: set[PromptId] = attrs.field(factory=set)
    """Given beside the prompt: what of it has not been taken up when the turn ends, the agent begins another with."""

    def prompted(self, now: float) -> None:
        self._begin(now)

    def steered(self, prompt_id: PromptId) -> None:
        self._steering.add(prompt_id)

    @property
    def steering(self) -> bool:
        """Something that was to steer has not been taken up yet."""
        return bool(self._steering)

    def answered(self, request_id: RequestId, now: float) -> None:
        self._asked.discard(request_id)
        self._alive = now
        self._tools = dict.fromkeys(self._tools, now)  # the time that a person took is not the tool's

    def heard(self, events: Iterable[RunEvent], now: float) -> None:
        """A list from the agent, also an empty one: it lives."""
        self._alive = now
        for event in events:
            match event:
                case Draft(metadata=ToolUse(tool_use_id=tool)):
                    self._tools[tool] = now
                case Draft(metadata=ToolResult(tool_use_id=tool)):
                    self._tools.pop(tool, None)
                case Asked(request=request):
                    self._asked.add(request.request_id)
                case Withdrawn(request_id=request_id):
                    self._asked.discard(request_id)
                case TurnBegan(prompt_ids=prompt_ids):
                    self._begin(now)
                    self._steering.difference_update(prompt_ids)
                case Taken(prompt_id=prompt_id) | TakenBack(prompt_id=prompt_id):
                    self._steering.discard(prompt_id)
                case TurnOver():
                    self.in_turn = False
                    self._tools.clear()

    def _begin(self, now: float) -> None:
        self.in_turn = True
        self._alive = now
        self._tools.clear()
        self._asked.clear()

    @property
    def awaited(self) -> str:
        return "tool's end" if self._tools else "model's answer"

    @property
    def limit(self) -> float:
        """Seconds, of what is awaited now."""
        return self.timeouts.tool if self._tools else self.timeouts.model

    @property
    def deadline(self) -> float | None:
        """When the agent counts as stalled; None while nothing is awaited of it."""
        if not (self.in_turn or self._steering) or self._asked:
            return None
        if self._tools:
            return min(self._tools.values()) + self.timeouts.tool if self.timeouts.tool else None
        return self._alive + self.timeouts.model
