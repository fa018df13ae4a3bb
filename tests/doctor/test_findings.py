from __future__ import annotations

import pytest

from jelmored.doctor.findings import Area, Finding, Level, sound

AREA = Area("journal")


def test_whatever_is_bad_has_a_remedy() -> None:
    assert AREA.bad("it is gone", "bring it back").remedy == "bring it back"
    with pytest.raises(ValueError, match="it is gone"):
        Finding("journal", Level.BAD, "it is gone")
    with pytest.raises(ValueError, match="it is gone"):
        AREA.bad("it is gone", "")


def test_notes_are_no_fault() -> None:
    assert sound([AREA.good("there"), AREA.note("old")])
    assert not sound([AREA.good("there"), AREA.bad("gone", "look")])
