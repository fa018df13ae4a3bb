"""Five sessions at once in a terminal of 80×24, on a real daemon with the demo's agents."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from jelmored.client.exits import Exit

from .expected import check
from .machine import Machine, Terminal

NAMES = ("api", "docs", "fixes", "page", "tests")
AGES = re.compile(r" +\d+ (s|min)(?=  )")


@pytest.fixture
async def busy(machine: Machine) -> AsyncIterator[Machine]:
    """All five of them have begun; two of them wait."""
    config = machine.root / "jelmored.toml"
    config.write_text("[providers.demo]\ntype = 'demo'\nmax_concurrent_sessions = 8\n")
    assert (await machine.jelmore("daemon", "start", "--config", str(config))).code == Exit.OK
    try:
        for name in NAMES:
            await machine.jelmore("run", "-d", "--provider", "demo", "-n", name, "Look around")
            await machine.jelmore("wait", name, "--for", "input")
        for name in ("api", "fixes", "page"):
            await machine.jelmore("approve", name)
            await machine.jelmore("wait", name)
        yield machine
    finally:
        await machine.jelmore("daemon", "stop")


async def shown(machine: Machine, *arguments: str, columns: int = 80) -> str:
    """What stands on the screen when the command has ended."""
    terminal = await machine.at_terminal(*arguments, columns=columns)
    assert await terminal.end() == Exit.OK
    terminal.close()
    return same(terminal)


def same(terminal: Terminal) -> str:
    """The screen, with what changes from run to run made the same."""
    text = re.sub(r"ses_[a-z2-7]+", "ses_xxxx", terminal.screen.shown)
    return AGES.sub(lambda found: f"{'N s':>{len(found[0])}}", text)


async def test_a_day(busy: Machine) -> None:
    check(__file__, "day_begins", await shown(busy))
    check(__file__, "day_begins_40", await shown(busy, columns=40))
    terminal = await busy.at_terminal("next")
    await terminal.shows("(docs)", "1 more")
    terminal.press("y")
    await terminal.shows("(tests)")
    terminal.press("r")
    await terminal.shows("why not:")
    terminal.press("not there\r")
    assert await terminal.end() == Exit.OK
    terminal.close()
    check(__file__, "day_decided", same(terminal))
    for name in ("docs", "tests"):
        await busy.jelmore("wait", name)
    check(__file__, "day_ends", await shown(busy))
    assert "not there" in (await busy.jelmore("logs", "tests")).out
    assert len((await busy.jelmore("usage", "--json")).json["rows"]) == len(NAMES)
