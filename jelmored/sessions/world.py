"""What all sessions of this daemon work with."""

from __future__ import annotations

import attrs

from jelmored.config.settings import ResumeInterrupted
from jelmored.journal.base import Journal
from jelmored.supervision.providers import Providers

from .hub import Hub
from .intake import Intake
from .purse import Purse
from .router import Router


@attrs.frozen(kw_only=True)
class World:
    """What all sessions work with."""

    journal: Journal
    providers: Providers
    hub: Hub
    router: Router
    purse: Purse = attrs.field(factory=Purse)
    intake: Intake = attrs.field(factory=Intake)
    resume: ResumeInterrupted = ResumeInterrupted.PLANNED
    approval_timeout: float = 0
    """Seconds that a person has to answer an agent; 0: no limit."""
