"""The state of a session: all that another daemon needs to go on with it. `wire/states.py` makes a document of it."""

from __future__ import annotations

import attrs

from .ids import PromptId, ProviderName
from .prompts import Prompt
from .sessions import Facts
from .status import IN_TURN


@attrs.frozen(kw_only=True)
class AgentRecord:
    """What the agent keeps itself of the session.

    Args:
        provider: whose it is.
        type: of that provider: another one of the same type can read it too.
        data: compressed, base64.
    """

    provider: ProviderName
    type: str
    data: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class SessionState:
    """A session at one of its events, `facts.seq`.

    Args:
        facts: as they were then.
        queue: the prompts that waited, whole; the first one is next.
        left_out: prompts that waited too, and were too large for a state.
        handoff: the conversation, for an agent that does not have the record; None: nothing was said.
        record: None where the agent has none, or none that can be carried.
    """

    facts: Facts
    queue: tuple[Prompt, ...] = ()
    left_out: tuple[PromptId, ...] = ()
    handoff: str | None = None
    record: AgentRecord | None = None

    @property
    def in_turn(self) -> bool:
        """A turn was under way: whoever goes on with the session closes it as cut."""
        return self.facts.status in IN_TURN and self.facts.open_turn is not None
