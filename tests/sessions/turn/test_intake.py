from __future__ import annotations

import pytest

from jelmored.sessions.turn.intake import Intake


def _intake(*, up: bool = True, draining: bool = False, stopping: bool = False) -> Intake:
    intake = Intake()
    if up:
        intake.begin()
    intake.draining = draining
    if stopping:
        intake.stop()
    return intake


@pytest.mark.parametrize(
    ("intake", "is_open"),
    [
        (_intake(), True),
        (_intake(up=False), False),
        (_intake(draining=True), False),
        (_intake(stopping=True), False),
    ],
)
def test_turns_begin_when_all_is_up_and_nobody_wants_quiet(intake: Intake, is_open: bool) -> None:
    assert intake.open is is_open
