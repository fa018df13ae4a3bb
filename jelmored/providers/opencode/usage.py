"""What a turn took. OpenCode tells it for each step, once as it ends and again in its message."""

from __future__ import annotations

import attrs

from jelmored.domain.events import UsageNote

from .messages import Tokens


@attrs.define
class Ledger:
    """Of the turn that runs: the steps of the agent and of its subagents, each counted once."""

    _steps: dict[str, tuple[Tokens, float]] = attrs.field(factory=dict, init=False)
    """Tokens and USD, by the id of the message."""

    def enter(self, message_id: str, tokens: Tokens, cost: float) -> None:
        """A step has taken this. A message that says nothing of it (it was aborted) does not undo what was told."""
        if tokens.all or cost:
            self._steps[message_id] = (tokens, cost)

    def note(self, model: str | None) -> UsageNote:
        """All of it so far.

        Args:
            model: the one that the session runs; tokens of others (a subagent's) are in its line.
        """
        all_tokens = [tokens for tokens, _ in self._steps.values()]
        return UsageNote(
            model=model or "unknown",
            input_tokens=sum(tokens.input for tokens in all_tokens),
            output_tokens=sum(tokens.output + tokens.reasoning for tokens in all_tokens),
            cache_read_tokens=sum(tokens.cache.read for tokens in all_tokens),
            cache_write_tokens=sum(tokens.cache.write for tokens in all_tokens),
            cost_usd=round(sum(cost for _, cost in self._steps.values()), 10),
        )

    def close(self) -> None:
        self._steps.clear()
