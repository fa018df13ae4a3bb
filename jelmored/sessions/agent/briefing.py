"""What an agent has to be told before a prompt: of a conversation that it did not have, or of a turn that was cut."""

from __future__ import annotations

from collections.abc import Callable

from jelmored.domain.handoff import Gap, Scene
from jelmored.domain.ids import ProviderName
from jelmored.domain.sessions import Facts
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.turn.turns import Turn

from .handover import Doubt, Handover
from .hold import config_of
from .router import Router


class Briefing:
    """Has it made, once at a time, beside the session's task.

    Args:
        hand_over: begins to read the log; the session hears of the outcome as a message.
    """

    def __init__(self, chronicle: Chronicle, router: Router, hand_over: Callable[[Handover], None]) -> None:
        self._chronicle = chronicle
        self._router = router
        self._hand_over = hand_over
        self._asked: Handover | None = None
        self._doubted = False
        """The agent was started and may lack some of the conversation; it has not been told since."""

    def agent_starts(self) -> None:
        """What it knows by itself is to be looked at, if its last run may have been killed."""
        self._doubted = is_doubtful(self._chronicle.facts)

    @property
    def owing(self) -> bool:
        """There is, or may be, some of the conversation that the agent has not been told."""
        return self._chronicle.facts.behind is not None or self._doubted

    def lacks(self, turn: Turn) -> bool:
        """The agent must be told something before the prompt, and that is not there yet."""
        if turn.told or turn.prompt is None or turn.prompt.is_command:
            return False
        return self.owing or turn.cut is not None

    def ask(self, turn: Turn | None, facts: Facts) -> None:
        """Have it made, unless that is on its way. `facts`: as they are where the agent is that is told."""
        if self._asked is None:
            window = self._router.window(facts.provider, facts.routed_model or facts.wanted_model)
            self._asked = handover_of(facts, window, turn)
            self._hand_over(self._asked)

    def made(self, handover: Handover) -> bool:
        """True if this is what we wait for."""
        if handover is not self._asked:
            return False
        self._asked = None
        self._doubted = False
        return True

    def forget(self) -> None:
        """Nobody waits for it any more."""
        self._asked = None


def handover_of(facts: Facts, window: int | None, turn: Turn | None) -> Handover:
    """What the agent at the session's provider has to be told, up to now."""
    config, doubtful = config_of(facts), is_doubtful(facts)
    anew = facts.behind is None and doubtful and config.native_id is None
    after = turn.after if turn else facts.seq
    if facts.behind is not None or anew:
        after = facts.behind or 0
    scene = Scene(
        directory=facts.directory,
        system_prompt=facts.system_prompt,
        returning=after > 0,
        cut=turn.cut if turn else None,
        prompt_turn=turn.number if turn else None,
        begun_after=turn.after if turn and turn.cut else None,
        gap=Gap.LACKED if anew else None,
    )
    doubt = Doubt(provider=facts.provider, config=config) if doubtful and config.native_id is not None else None
    return Handover(session_id=facts.session_id, after=after, until=facts.seq, window=window, scene=scene, doubt=doubt)


def is_doubtful(facts: Facts) -> bool:
    """An agent that is started now may lack some of the conversation, without a word of anybody: nobody knows how its
    last run has ended; or an earlier prompt has never come as far as into its own session."""
    native = facts.native.get(facts.provider)
    if native is not None and (native.used or native.origin is not None):
        return native.used and native.mark is None
    return facts.turn > 1


def known_at(facts: Facts, provider: ProviderName) -> int:
    """Up to which event the agent's own session there has the conversation."""
    native = facts.native.get(provider)
    return facts.heard.get(provider, 0) if native is not None and native.used else 0
