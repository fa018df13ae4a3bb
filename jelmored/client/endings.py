"""When there is nothing more to watch for in a session's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jelmored.domain.events import Event, EventType, System, TurnEnded, TurnStarted
from jelmored.domain.ids import PromptId
from jelmored.wire.messages import CaughtUp

from .outputs import Output


class Until(Protocol):
    """When there is nothing more to watch for."""

    def __call__(self, output: Output) -> bool: ...


def first_turn(output: Output) -> bool:
    """The end of the turn that is the next to end."""
    return isinstance(output, Event) and output.event_type is EventType.TURN_ENDED


def for_ever(output: Output) -> bool:
    """Until the session itself ends, or whoever watches leaves."""
    return False


class TurnOf:
    """The end of the turn that this prompt starts, or of its hope to start one."""

    def __init__(self, prompt_id: PromptId) -> None:
        self._prompt_id = prompt_id
        self._begun = False

    def __call__(self, output: Output) -> bool:
        match output:
            case Event(metadata=TurnStarted(prompt_id=self._prompt_id)):
                self._begun = True
            case Event(metadata=System(subtype="prompt_dropped", data={"promptId": self._prompt_id})):
                return True
            case Event(metadata=TurnEnded()):
                return self._begun
        return False


class Idle:
    """All has been told, and no turn runs."""

    def __init__(self, idle: Callable[[], bool]) -> None:
        self._idle = idle
        self._caught_up = False

    def __call__(self, output: Output) -> bool:
        self._caught_up = self._caught_up or isinstance(output, CaughtUp)
        ended = isinstance(output, Event) and output.event_type is EventType.TURN_ENDED
        return self._caught_up and (ended or (isinstance(output, CaughtUp) and self._idle()))


class AllSaid:
    """An end after which no prompt waits that would begin another turn.

    Args:
        until: the end that is meant.
        waits: does a prompt wait?
    """

    def __init__(self, until: Until, waits: Callable[[], bool]) -> None:
        self._until = until
        self._waits = waits
        self._over = False

    def __call__(self, output: Output) -> bool:
        if isinstance(output, Event) and isinstance(output.metadata, TurnStarted):
            self._over = False
        self._over = self._until(output) or self._over
        return self._over and not self._waits()
