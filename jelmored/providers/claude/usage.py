"""What a turn took, from figures that count from the start of the process (and from 0 again in a resumed one)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from jelmored.domain.events import UsageNote

from .control import ModelUsage, ReplyBody
from .messages import Result

_TOTAL = re.compile(r"Total cost:\s+\$(\d+\.?\d*)")


@attrs.define
class Ledger:
    """Takes the figures of each result; gives what is new since the last time that a turn was settled."""

    notional: bool = False
    """A subscription pays: nobody is billed what it would cost."""
    _cost: float = 0.0
    _settled_cost: float = 0.0
    _models: Mapping[str, ModelUsage] = attrs.field(factory=dict)
    _settled: Mapping[str, ModelUsage] = attrs.field(factory=dict)

    def enter(self, result: Result) -> None:
        self._cost, self._models = result.total_cost_usd, result.model_usage

    def learn(self, told: ReplyBody) -> bool:
        """The figures between two results; false if it has none. In words they are rounded, and have no tokens."""
        if told.session is not None:
            self._cost, self._models = told.session.total_cost_usd, told.session.model_usage
        elif total := _TOTAL.search(told.text):
            self._cost = float(total[1])
        else:
            return False
        return True

    def settle(self, model: str | None) -> UsageNote:
        """What this turn took: nothing, if no model did anything.

        Args:
            model: the one that the session runs; tokens of others (a subagent's) are in its line.
        """
        note = self.so_far(model)
        self._settled, self._settled_cost = self._models, self._cost
        return note

    def so_far(self, model: str | None) -> UsageNote:
        """What this turn has taken up to now."""
        spent = [_minus(used, self._settled.get(name, ModelUsage())) for name, used in self._models.items()]
        return UsageNote(
            model=model or next(iter(self._models), "unknown"),
            input_tokens=sum(part.input_tokens for part in spent),
            output_tokens=sum(part.output_tokens for part in spent),
            cache_read_tokens=sum(part.cache_read_tokens for part in spent),
            cache_write_tokens=sum(part.cache_write_tokens for part in spent),
            cost_usd=round(max(0.0, self._cost - self._settled_cost), 10),
            notional=self.notional or None,
        )


def _minus(now: ModelUsage, before: ModelUsage) -> ModelUsage:
    return ModelUsage(
        input_tokens=max(0, now.input_tokens - before.input_tokens),
        output_tokens=max(0, now.output_tokens - before.output_tokens),
        cache_read_tokens=max(0, now.cache_read_tokens - before.cache_read_tokens),
        cache_write_tokens=max(0, now.cache_write_tokens - before.cache_write_tokens),
    )
