from __future__ import annotations

from jelmored.client.exits import Exit

from . import scripts
from .daemon import FakeDaemon, Json, Turn, question
from .expected import check
from .machine import Machine


async def waiting(daemon: FakeDaemon, machine: Machine, *names: str) -> None:
    """Sessions that wait for an answer."""
    for name in names:
        await machine.jelmore("run", "-d", "-n", name, "-C", "/w", "go")
        await machine.jelmore("wait", name, "--for", "input")


def resolved(daemon: FakeDaemon) -> list[Json]:
    return [request["params"] for request in daemon.asked if request["method"] == "approval/resolve"]


async def test_one_after_the_other_until_none_is_left(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    await waiting(daemon, machine, "one", "two", "three")
    terminal = await machine.at_terminal("next")
    for key, name in (("y", "one"), ("\x1b", "two"), ("n", "three")):
        await terminal.shows(f"({name})", "Esc later")
        terminal.press(key)
    assert await terminal.end() == Exit.OK
    terminal.close()
    check(__file__, "round", terminal.screen.shown)
    assert [answer["optionId"] for answer in resolved(daemon)] == ["allow", "reject"]


async def test_a_reason_an_edit_and_a_question(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = edits
    await waiting(daemon, machine, "one", "two")
    daemon.script = wonders
    await waiting(daemon, machine, "three")
    terminal = await machine.at_terminal("next")
    await terminal.shows("(one)", "2 more")
    terminal.press("r")
    await terminal.shows("why not:")
    terminal.press("not today\r")
    await terminal.shows("(two)")
    terminal.press("e")
    await terminal.shows("edit: npm test")
    terminal.press(" -- --once\r")
    check(__file__, "round_question", await terminal.shows("(three)", "Which colour?"))
    terminal.press("2")
    await terminal.shows("Which parts?")
    terminal.press("1\r")
    assert await terminal.end() == Exit.OK
    terminal.close()
    rejected, edited, answered = resolved(daemon)
    assert (rejected["optionId"], rejected["message"]) == ("reject", "not today")
    assert (edited["optionId"], edited["updatedInput"]) == ("allow", {"command": "npm test -- --once"})
    assert answered["answers"] == {"colour": ["Green"], "parts": ["Roof"]}


async def edits(turn: Turn) -> None:
    tool = await turn.uses("execute", "Bash", "Bash: npm test")
    await turn.asks(tool, "Bash: npm test", command="npm test", toolName="Bash", input={"command": "npm test"})
    await turn.ends()


async def wonders(turn: Turn) -> None:
    await turn.wonders(
        question("colour", "Which colour?", "Red", "Green"),
        question("parts", "Which parts?", "Roof", "Wall", multi_select=True),
    )
    await turn.ends()


async def test_it_is_left_at_once(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    await waiting(daemon, machine, "one", "two")
    for key in ("\x03", "\x04"):
        terminal = await machine.at_terminal("next")
        await terminal.shows("Esc later")
        terminal.press(key)
        assert await terminal.end() == Exit.OK
        terminal.close()
        assert "(two)" not in terminal.seen
        assert "2 still wait for you: `jelmore next`" in terminal.seen
    assert resolved(daemon) == []
