"""The facts of one session and its log, kept together: the only lines that change either stand here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from jelmored.domain.events import Change, Draft, EventType, System
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Step, advance
from jelmored.domain.times import utc_now
from jelmored.journal.base import StoredPrompt

from .log import SessionLog


class Chronicle:
    """What a session knows and what has happened in it.

    Args:
        facts: as the journal has them.
        log: of the same session.
        changed: told, once it is durable, that the facts are others.
    """

    def __init__(self, facts: Facts, log: SessionLog, changed: Callable[[], None]) -> None:
        self.facts = facts
        self.log = log
        self.turn: int | None = None
        """The number of the turn in hand: events are recorded in it."""
        self._changed = changed
        self._dirty = False

    def know(self, **changes: Any) -> None:
        """The only line that changes the facts."""
        self.facts = attrs.evolve(self.facts, **changes)
        self._dirty = True

    def record(self, draft: Draft) -> int:
        """Record what has happened, in the turn in hand. Returns its seq."""
        return self.record_in(self.turn, draft)

    def record_in(self, turn: int | None, draft: Draft, at: datetime | None = None) -> int:
        """`at`: when it happened; None: now."""
        seq = self.log.record(draft, turn=turn, provider=self.facts.provider, at=at)
        self.know(seq=seq, last_activity=utc_now())
        return seq

    def step(self, step: Step) -> None:
        """Move the status on.

        Raises:
            Refused: `wrong-status`; nothing has changed.
        """
        old, new = self.facts.status, advance(self.facts.status, step)
        if new is not old:
            self.know(status=new)
            self.record(Draft(EventType.STATUS_CHANGE, f"{old} → {new}", Change(from_=old, to=new)))

    def note(self, subtype: str, line: str, **data: Any) -> None:
        """Record something that is only for people and logs."""
        self.record(Draft(EventType.SYSTEM, line, System(subtype=subtype, data=data)))

    def commit(self, queue: tuple[StoredPrompt, ...] | None) -> None:
        """The end of a message: all that it changed becomes durable together, then public.

        Args:
            queue: the whole queue, if it is another.
        """
        if self._dirty or queue is not None:
            self.log.then(self._changed)
        self.log.commit(self.facts if self._dirty else None, queue=queue)
        self._dirty = False
