"""Quiet in the daemon, because somebody wants it: no turns begin, those in hand go on, prompts wait."""

from __future__ import annotations

from typing import Literal

import trio

from jelmored.domain.status import IN_TURN
from jelmored.sessions.hub import Hub
from jelmored.sessions.roster import Roster
from jelmored.sessions.turn.intake import Intake
from jelmored.wire.messages import DaemonEvent

QUIET_LOOK = 0.1  # seconds between two looks whether turns are in hand


class Draining:
    """Of all sessions of the daemon."""

    def __init__(self, intake: Intake, roster: Roster, hub: Hub) -> None:
        self._intake = intake
        self._roster = roster
        self._hub = hub

    def begin(self) -> None:
        """Begin no turns from now on; prompts wait. Turns in hand go on."""
        if not self._intake.draining:
            self._intake.draining = True
            self._announce("draining", "no turns begin now; prompts wait")

    def end(self) -> None:
        """Begin turns again, first with what has waited."""
        if self._intake.draining:
            self._intake.draining = False
            self._announce("undrained", "turns begin again")
            self._roster.go_on()

    def _announce(self, kind: Literal["draining", "undrained"], content: str) -> None:
        self._hub.broadcast("daemon/event", DaemonEvent(kind=kind, content=content))

    @property
    def under_way(self) -> bool:
        """No turns begin, because somebody wants it so."""
        return self._intake.draining

    @property
    def quiet(self) -> bool:
        """No turn is in hand."""
        return not any(facts.status in IN_TURN for facts in self._roster.facts)

    async def wait_quiet(self) -> None:
        """Until no turn is in hand."""
        while not self.quiet:  # noqa: ASYNC110 – of many sessions, and nobody waits but an operator
            await trio.sleep(QUIET_LOOK)
