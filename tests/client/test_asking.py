from __future__ import annotations

from jelmored.client.exits import Exit

from . import scripts
from .daemon import FakeDaemon
from .expected import check
from .machine import Machine, Terminal


async def asked(daemon: FakeDaemon, machine: Machine, columns: int = 80, lines: int = 24) -> Terminal:
    """A terminal at which a command is asked for."""
    daemon.script = scripts.asks
    await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")
    await machine.jelmore("wait", "job", "--for", "input")
    terminal = await machine.at_terminal("next", columns=columns, lines=lines)
    await terminal.shows("Esc later")
    return terminal


async def left(terminal: Terminal, key: str = "\x04") -> None:
    terminal.press(key)
    assert await terminal.end() == Exit.OK
    terminal.close()


async def test_in_a_narrow_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await asked(daemon, machine, columns=40, lines=12)
    check(__file__, "asked_40", terminal.screen.shown)
    terminal.resize(60, 12)
    check(__file__, "asked_60", await terminal.shows("r reject and say why"))
    await left(terminal)


async def test_somebody_else_is_faster(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await asked(daemon, machine)
    await machine.jelmore("deny", "job")
    assert await terminal.end() == Exit.OK
    terminal.close()
    assert "it is settled: somebody was faster" in terminal.seen


async def test_something_else_is_said_to_the_session(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await asked(daemon, machine)
    terminal.press("i")
    await terminal.shows("›")
    terminal.press("and then the docs\r")
    await terminal.shows("queued: and then the docs")
    await left(terminal)
    assert [prompt["prompt"] for prompt in daemon.sessions["ses_aaaaxxxxxxxxxxxx"].prompts] == ["and then the docs"]


async def test_all_of_it_and_the_keys_are_shown(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await asked(daemon, machine)
    terminal.press("d")
    await terminal.shows("Esc later")
    terminal.press("?")
    await terminal.shows("allow, allow always, reject")
    assert terminal.screen.text.count("npm test") == 2
    terminal.press("o")
    await left(terminal)


async def test_escape_and_ctrl_c_first_end_what_is_typed(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await asked(daemon, machine)
    terminal.press("r")
    await terminal.shows("why not:")
    terminal.press("no")
    await terminal.shows("why not: no")
    terminal.press("\x03")
    await terminal.shows_not("why not: no")
    terminal.press("\x1b")
    await terminal.shows("y allow")
    await left(terminal, "\x03")
