"""What sessions go by can change while they live."""

from __future__ import annotations

from jelmored.config.settings import ResumeInterrupted
from jelmored.sessions.world import Wishes


def test_wishes_may_be_others_from_now_on() -> None:
    wishes, other = Wishes(), Wishes(resume=ResumeInterrupted.NEVER, approval_timeout=7)
    wishes.heed(other)

    assert wishes == other
