"""The end of a session: because a client wants it, or because nobody has used it for long. The log stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jelmored.domain.sessions import Facts, SessionView
from jelmored.domain.status import Status, Step
from jelmored.domain.times import to_rfc3339
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.agent.hold import RunHold
from jelmored.sessions.hub import Feed
from jelmored.sessions.messages import Close, Expire
from jelmored.sessions.moving.suspension import Suspension
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.turn.queue import PromptQueue
from jelmored.sessions.work import Work

from .finding import may_expire


class Closing:
    """Of one session. Only its task touches this.

    Args:
        feed: who watches it.
        view: of the session, for the answer.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        work: Work,
        hold: RunHold,
        suspension: Suspension,
        feed: Feed,
        view: Callable[[], SessionView],
    ) -> None:
        self._chronicle = chronicle
        self._queue = queue
        self._work = work
        self._hold = hold
        self._suspension = suspension
        self._feed = feed
        self._view = view
        self._asked: list[Close] = []

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def under_way(self) -> bool:
        """It is asked for, and not done."""
        return bool(self._asked)

    def check_open(self) -> None:
        """Raises `Refused` (`wrong-status`, `busy`) where it is closed, or is just being closed or suspended."""
        if self._facts.status is Status.TERMINATED or self._asked:
            remedy = f"jelmore resume {self._facts.session_id} opens it again"
            raise Refused(ErrorKind.WRONG_STATUS, "the session is closed; its log stays", remedy=remedy)
        self._suspension.check_over()

    def begin(self, ask: Close) -> None:
        """No turn begins any more, and the one in hand is cut."""
        if self._facts.status is Status.TERMINATED:
            ask.reply.set(self._view())
            return
        self._asked.append(ask)
        self._work.ending = True
        self._queue.drop()
        self._work.parking.leave()
        self._work.interrupt()

    def expire(self, ask: Expire) -> None:
        """Close it if nobody has used it for so long; the answer is whether."""
        if not self._is_unused(ask.before):
            ask.reply.set(False)
            return
        self._chronicle.note("expired", f"nobody has used the session since {to_rfc3339(self._facts.last_activity)}")
        self.begin(Close())
        self._chronicle.log.answer(ask.reply, lambda: True)

    def _is_unused(self, before: datetime) -> bool:
        """By anybody, the agent too."""
        at_work = self._work.turn is not None or len(self._queue) or self._hold.background_tasks or self._asked
        watched = bool(self._feed.subscribers)
        return may_expire(self._facts, before) and self._work.free and not at_work and not watched

    def wind_up(self) -> None:
        """After the turn the run, after the run the session."""
        if not self._asked:
            return
        self._work.wind_up()
        if self._work.over:
            self._chronicle.step(Step.CLOSED)
            closing, self._asked = self._asked, []
            for ask in closing:
                self._chronicle.log.answer(ask.reply, self._view)
