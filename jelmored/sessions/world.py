"""What all sessions of this daemon work with."""

from __future__ import annotations

import attrs

from jelmored.config.settings import ResumeInterrupted
from jelmored.journal.base import Journal
from jelmored.supervision.providers import Providers
from jelmored.supervision.terms import Terms

from .agent.router import Router
from .hub import Hub
from .turn.intake import Intake
from .turn.purse import Purse


@attrs.define(kw_only=True)
class Wishes:
    """What the configuration says of all sessions, now: whoever reads it again changes it here, nobody else."""

    resume: ResumeInterrupted = ResumeInterrupted.PLANNED
    approval_timeout: float = 0
    """Seconds that a person has to answer an agent; 0: no limit. It counts for what is asked from now on."""

    def heed(self, other: Wishes) -> None:
        """These from now on."""
        self.resume, self.approval_timeout = other.resume, other.approval_timeout


@attrs.frozen(kw_only=True)
class World:
    """What all sessions work with."""

    journal: Journal
    providers: Providers
    hub: Hub
    router: Router
    purse: Purse = attrs.field(factory=Purse)
    intake: Intake = attrs.field(factory=Intake)
    wishes: Wishes = attrs.field(factory=Wishes)
    terms: Terms = attrs.field(factory=Terms)
