"""What a turn of OpenCode may take. The server has no bound of its own: it calls a model that fails again and again,
and waits as long as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.times import utc_now
from jelmored.providers.base import TurnOver

from . import failures
from .messages import MessageUpdated, ServerEvent, StatusChanged

RETRY_WAIT = 30.0  # s that a server may wait before it calls its model again


@attrs.define
class Limits:
    """Of one run, turn by turn.

    Args:
        root: the server's id of the session; subagents are not counted.
        retries: calls of the model that may fail in a row.
        rounds: of model and tools in a turn; 0: no limit.
        now: the time.
    """

    root: str
    retries: int
    rounds: int = 0
    now: Callable[[], datetime] = attrs.field(default=utc_now, kw_only=True)
    failure: Failure | None = attrs.field(default=None, init=False)
    """Why the turn had to be aborted, where that is a failure."""
    _answers: set[str] = attrs.field(factory=set, init=False)
    _reached: bool = attrs.field(default=False, init=False)

    def exceeded(self, events: Iterable[ServerEvent]) -> bool:
        """Is the turn to be aborted because of these? Said once in a turn."""
        before = self._reached
        for event in events:
            if not self._reached:
                self._weigh(event)
        return self._reached and not before

    def told(self, over: TurnOver) -> TurnOver:
        """The end of the turn, with the reason why we ended it."""
        by_rounds = self._reached and self.failure is None and over.reason is TurnReason.INTERRUPTED
        self._answers.clear()
        self._reached, self.failure = False, None
        return attrs.evolve(over, reason=TurnReason.MAX_TURNS, cause=None) if by_rounds else over

    def _weigh(self, event: ServerEvent) -> None:
        match event:
            case StatusChanged(status=status):
                self.failure = failures.too_long(
                    status, self.now(), attempts_allowed=self.retries, seconds_allowed=RETRY_WAIT
                )
                self._reached = self.failure is not None
            case MessageUpdated(info=info) if info.by_agent and info.session_id == self.root and not info.summary:
                self._answers.add(info.id)
                self._reached = bool(self.rounds) and len(self._answers) > self.rounds
