from __future__ import annotations

from jelmored.client.terminal.teletype import Teletype

from .stage import Stage, approval, stage


def written(on: Stage) -> str:
    on.live.draw()
    return on.file.getvalue().replace("\x1b[0m", "").replace("\x1b[1;36m", "")


async def test_nothing_is_taken_back_and_what_is_typed_is_echoed() -> None:
    on = stage(Teletype, stays=True)
    on.live.turn(None)
    assert written(on) == "› "
    on.press("hel")
    assert written(on) == "› hel"
    on.press("lo")
    assert written(on) == "› hello"
    on.press("BACKSPACE")
    assert written(on) == "› hello\n› hell"
    on.event("assistant", "Meanwhile.", itemId="i1")
    assert written(on) == "› hello\n› hell\nMeanwhile.\n› hell"


async def test_what_is_asked_is_shown_when_it_changes() -> None:
    on = stage(Teletype)
    on.live.asks((approval(command="make"),))
    first = written(on)
    assert first.count("make") == 1
    assert written(on) == first
    on.live.asks((approval(command="make all", number=2),))
    assert written(on).count("make all") == 1
