"""The prompt at the head of a queue that waits until a provider can take it, also over a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import trio

from jelmored.domain.ids import Epoch
from jelmored.domain.prompts import Prompt, WhenUnavailable
from jelmored.domain.times import to_rfc3339, utc_now
from jelmored.sessions.record.chronicle import Chronicle

from .hold import RunHold
from .router import Nowhere, Router

LOOK_AGAIN = 30.0  # seconds between two looks for a provider, at most: one may be well before it was expected
SOON = 1.0  # seconds, at least


class Reminder(Protocol):
    def remind(self, seconds: float, epoch: Epoch) -> None:
        """Say `pause_over(epoch)` after so many seconds."""


class Parking:
    """Where it waits. It stands in the facts, so that a restart knows of it."""

    def __init__(self, chronicle: Chronicle, hold: RunHold, router: Router, reminder: Reminder) -> None:
        self._chronicle = chronicle
        self._hold = hold
        self._router = router
        self._reminder = reminder
        self._next_look = -1.0  # Trio's time; there are many reasons to look again, and one look is enough

    @property
    def taken(self) -> bool:
        return self._chronicle.facts.waiting_until is not None

    def refusal(self, prompt: Prompt) -> Nowhere | None:
        """Why this prompt, which wants to wait for a provider, has to."""
        if prompt.when_unavailable is not WhenUnavailable.WAIT:
            return None
        return self._router.refusal(self._chronicle.facts, prompt, placed=self._hold.listens)

    def park(self, prompt: Prompt, nowhere: Nowhere) -> None:
        """It waits from now on, or goes on waiting."""
        until = nowhere.until or utc_now() + timedelta(seconds=LOOK_AGAIN)
        if not self.taken:
            told = {"promptId": prompt.prompt_id, "until": to_rfc3339(until)}
            self._chronicle.note("waiting_for_provider", nowhere.why or "no provider can take it now", **told)
        self._chronicle.know(waiting_until=until)
        self.look_again()

    def leave(self) -> None:
        """Nothing waits for a provider."""
        if self.taken:
            self._chronicle.know(waiting_until=None)

    def look_again(self) -> None:
        """For a provider that can take it, soon; nothing, if nothing waits, or if it is to come already."""
        until = self._chronicle.facts.waiting_until
        if until is None:
            return
        now, left = trio.current_time(), (until - utc_now()).total_seconds()
        seconds = min(max(left, SOON), LOOK_AGAIN)
        if not now < self._next_look <= now + seconds + SOON:
            self._next_look = now + seconds
            self._reminder.remind(seconds, self._hold.epoch)
