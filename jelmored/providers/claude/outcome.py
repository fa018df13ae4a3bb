"""How a turn ended: from its result, and from what was said on the way about requests that failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from jelmored.domain.events import Draft, TurnCause, TurnReason
from jelmored.errors import ErrorKind
from jelmored.providers.base import RunFacts, TurnOver

from . import failures, notes
from .messages import Assistant, RateLimit, Result, Retry, TextPart


@attrs.define
class Outcome:
    """Of the turn that runs.

    Args:
        now: the time, for delays that the CLI tells.
    """

    now: Callable[[], datetime]
    _error: str | None = attrs.field(default=None, init=False)
    _retry: Retry | None = attrs.field(default=None, init=False)
    _limit: RateLimit | None = attrs.field(default=None, init=False)

    def of(self, result: Result) -> TurnOver:
        """The verdict; what comes next begins anew."""
        verdict = self._verdict(result)
        self._error = self._retry = self._limit = None
        return verdict

    def gave_up(self, message: Assistant, error: str) -> list[Draft]:
        """The CLI's words for a failed request. In the main line they come again as the turn's failure."""
        if message.parent_tool_use_id is None:
            self._error = error
            return []
        words = " ".join(part.text for part in message.message.content if isinstance(part, TextPart))
        status = self._retry.error_status if self._retry else None
        return [notes.gave_up(words, error, status, message.parent_tool_use_id)]

    def retried(self, retry: Retry) -> list[Draft]:
        self._retry = retry
        return [notes.retried(retry, self.now())]

    def limited(self, limit: RateLimit) -> list[Draft | RunFacts]:
        """A warning is for people; a rejection is told by the turn's failure."""
        if limit.status == "rejected":
            self._limit = limit
        warning = [notes.quota(limit)] if limit.status == "allowed_warning" else []
        return [RunFacts(quota=notes.quota_window(limit)), *warning]

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
