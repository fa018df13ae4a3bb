from __future__ import annotations

from jelmored.client.terminal.spans import Look
from jelmored.doctor.findings import Area
from jelmored.doctor.report import spans

ROOM = Area("disk")


def test_an_area_is_named_once_and_a_remedy_stands_under_its_line() -> None:
    shown = list(spans([Area("versions").good("all new"), ROOM.bad("full", "make room"), ROOM.note("far away")]))
    assert "".join(span.text for span in shown) == (
        "versions ✓ all new\ndisk     ✗ full\n           → make room\n         · far away\n\n1 thing needs you\n"
    )
    assert {span.look for span in shown if "make room" in span.text} == {Look.BAD}


def test_all_is_well() -> None:
    assert "".join(span.text for span in spans([ROOM.good("room")])).endswith("\nall is well\n")
