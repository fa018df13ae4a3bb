"""What a person sees at a real pseudo-terminal, kept in `expected/`."""

from __future__ import annotations

import time

import pytest

from jelmored.client.exits import Exit
from jelmored.wire import codec
from jelmored.wire.messages import SessionDelta
from tests.client import scripts
from tests.client.daemon import FakeDaemon, Script
from tests.client.expected import check
from tests.client.machine import Machine, Terminal

from .stage import SESSION, stage

SECONDS_OF_WORK = 10.0  # for an answer of 1 MB; it takes two


async def attached(daemon: FakeDaemon, machine: Machine, script: Script, *, columns: int = 80, **how: str) -> Terminal:
    """A person who has attached to a session in which this happens."""
    daemon.script = script
    assert (await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")).code == Exit.OK
    return await machine.at_terminal("attach", "job", columns=columns, environ=how)


async def leave(terminal: Terminal) -> None:
    terminal.press("\x04")
    assert await terminal.end() == Exit.OK
    terminal.close()


async def test_in_the_middle_of_an_answer(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.streams)
    check(__file__, "streaming", await terminal.shows("unfinished li", "works"))
    assert "\x1b[1mlook\x1b[0m" in terminal.seen
    await leave(terminal)


@pytest.mark.parametrize("columns", [40, 200])
async def test_in_the_middle_of_an_answer_on_another_width(daemon: FakeDaemon, machine: Machine, columns: int) -> None:
    terminal = await attached(daemon, machine, scripts.streams, columns=columns)
    check(__file__, f"streaming_{columns}", await terminal.shows("unfinished", "works"))
    await leave(terminal)


async def test_without_colour_the_marks_stay(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.streams, NO_COLOR="1")
    check(__file__, "no_color", await terminal.shows("unfinished", "works"))
    assert "\x1b[3" not in terminal.seen
    await leave(terminal)


async def test_the_window_is_resized(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.streams)
    await terminal.shows("unfinished li", "works")
    terminal.resize(40, 24)
    check(__file__, "resized_narrow", await terminal.shows("works", "unfinished"))
    terminal.resize(100, 30)
    check(__file__, "resized_wide", await terminal.shows("works", "before it is mended"))
    terminal.resize(100, 8)
    check(__file__, "resized_low", await terminal.shows("works"))
    await leave(terminal)


async def test_tools_are_folded_sub_agents_nested_and_a_plan_is_below(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.delegates)
    check(__file__, "delegates", await terminal.shows("Now I wait.", "background", "works"))
    terminal.press("o")
    await terminal.shows("⎿ works")
    terminal.press("o")
    check(__file__, "opened", await terminal.shows("Really."))
    await leave(terminal)


async def test_signs_of_every_width(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.writes_widely, columns=40)
    check(__file__, "wide", await terminal.shows("8.4 s", "idle"))
    await leave(terminal)


async def test_prompts_that_wait_are_shown(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.streams)
    await terminal.shows("works")
    for words in ("first", "second"):
        terminal.press("i")
        await terminal.shows("Ctrl-S")
        terminal.press(f"{words} one\r")
        await terminal.shows(f"{words} one  waits")
    terminal.press("ithird")
    check(__file__, "queue", await terminal.shows("third", "works"))
    terminal.press("\x13")
    await terminal.shows_not("Ctrl-S")
    steered = [request["params"] for request in daemon.asked if request["method"] == "session/prompt"][-1]
    assert (steered["prompt"], steered["whenBusy"]) == ("third", "steer")
    await leave(terminal)


async def test_history_fills_a_page(daemon: FakeDaemon, machine: Machine) -> None:
    await machine.jelmore("run", "-n", "job", "-C", "/w", "turn 0")
    for number in range(1, 8):
        await machine.jelmore("send", "-f", "job", f"turn {number}")
    terminal = await machine.at_terminal("attach", "job")
    check(__file__, "history", await terminal.shows("idle"))
    await leave(terminal)


async def test_the_connection_is_lost_and_mended(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await attached(daemon, machine, scripts.streams)
    await terminal.shows("works")
    await daemon.cut()
    check(__file__, "mended", await terminal.shows("connected again", "works"))
    await leave(terminal)


async def test_a_long_answer_costs_as_much_as_its_length() -> None:
    on = stage()
    words = "The **quick** brown fox jumps over the `lazy` dog; "
    began = time.process_time()
    for number in range(20_000):
        delta = {"sessionId": SESSION, "turn": 1, "itemId": "itm", "afterSeq": 1, "kind": "text", "offset": 0}
        line = words if number % 9 else f"{words}\n"
        on.live.tell(codec.from_json(delta | {"text": line}, SessionDelta))
        if number % 40 == 0:
            on.live.draw()
    on.live.draw()
    assert len(on.file.getvalue()) > 1_000_000
    assert time.process_time() - began < SECONDS_OF_WORK
