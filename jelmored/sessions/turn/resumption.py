"""What becomes of a turn that the end of the daemon has cut: its prompt is the first to have another one, or not."""

from __future__ import annotations

from collections.abc import Callable

from jelmored.config.settings import MidTurn, ResumeInterrupted
from jelmored.sessions.record.chronicle import Chronicle

from .queue import PromptQueue

TIMES = 3  # that one prompt is gone on with: then it may be what kills the daemon
STOPPED, DIED = "the daemon was stopped", "the daemon died"


class Resumption:
    """Of the turns of one session.

    Args:
        policy: which of them are gone on with.
        mid_turn: whether a turn that may have changed something may go on without a person's word.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        policy: Callable[[], ResumeInterrupted],
        mid_turn: Callable[[], MidTurn],
    ) -> None:
        self._chronicle = chronicle
        self._queue = queue
        self._policy = policy
        self._mid_turn = mid_turn

    def cut_by_stop(self, *, after: int, said: bool, side_effects: bool) -> None:
        """The daemon stops in a turn, having read all that its agent has told.

        Args:
            after: the last event before the work on the prompt began.
            said: the agent that is there was given the prompt.
            side_effects: it, or one before it in this turn, may have changed something.
        """
        prompt = self._queue.in_hand
        if prompt is None:
            return  # the agent began it by itself: nobody waits for its end
        if self._policy() is ResumeInterrupted.NEVER:
            self._hold()
        elif not said and (prompt.cut is not None or not side_effects):
            self._queue.put_back()  # as it was
        elif side_effects and self._mid_turn() is not MidTurn.CONTINUE:
            self._leave("it may have changed something, and failover.mid_turn wants a person's word")
        else:
            self._go_on(STOPPED, after)

    def cut_by_death(self, *, after: int) -> None:
        """The daemon died in a turn. Nobody knows what its agent did that was not told any more."""
        if self._queue.in_hand is None:
            return
        if self._policy() is not ResumeInterrupted.ALWAYS:
            self._hold()
        elif self._mid_turn() is not MidTurn.CONTINUE:
            self._leave("it may have changed something, and failover.mid_turn wants a person's word")
        else:
            self._go_on(DIED, after)

    def _go_on(self, why: str, after: int) -> None:
        prompt = self._queue.in_hand
        if prompt is not None and prompt.cuts < TIMES:
            first = after if prompt.cut_after is None else prompt.cut_after
            self._queue.put_back(cut=why, cut_after=first, cuts=prompt.cuts + 1)
        else:
            self._leave(f"the end of the daemon has cut it {TIMES + 1} times; say it again if it is to go on")

    def _leave(self, why: str) -> None:
        self._hold()
        prompt = self._queue.in_hand
        self._chronicle.note(
            "not_continued", f"the turn is not gone on with: {why}", promptId=prompt.prompt_id if prompt else None
        )

    def _hold(self) -> None:
        """What waits behind it may build on it."""
        self._chronicle.know(held=True)

    @property
    def waits(self) -> bool:
        """The queue does not go on by itself: something before it failed, or was cut for good."""
        first = self._queue.first
        unwanted = self._policy() is ResumeInterrupted.NEVER and first is not None and first.cuts > 0
        return self._chronicle.facts.held or unwanted
