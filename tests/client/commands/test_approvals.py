from __future__ import annotations

from jelmored.client.exits import Exit
from tests.client import scripts
from tests.client.daemon import FakeDaemon, Json
from tests.client.expected import expected, settled
from tests.client.machine import Machine


async def waiting(daemon: FakeDaemon, machine: Machine) -> None:
    """A session that waits for an answer."""
    daemon.script = scripts.asks
    await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")
    await machine.jelmore("wait", "job", "--for", "input")


def resolved(daemon: FakeDaemon) -> list[Json]:
    return [request["params"] for request in daemon.asked if request["method"] == "approval/resolve"]


async def test_nobody_waits(daemon: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("next")
    assert (done.code, done.out, done.err) == (Exit.OK, "", "nobody waits for you\n")


async def test_next_is_answered_by_a_key(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    terminal = await machine.at_terminal("next")
    await terminal.until("later")
    terminal.press("y")
    assert await terminal.end() == Exit.OK
    assert settled(terminal.seen) == expected(__file__, "next")
    terminal.close()
    assert [answer["optionId"] for answer in resolved(daemon)] == ["allow"]


async def test_next_can_be_left_for_later(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    for key in ("\x1b", "\x03", "\x04"):
        terminal = await machine.at_terminal("next")
        await terminal.until("later")
        terminal.press(key)
        assert await terminal.end() == Exit.OK, terminal.seen
        terminal.close()
    assert resolved(daemon) == []


async def test_next_without_a_terminal_shows_and_asks_nothing(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    assert (await machine.jelmore("next")).out == "ses_aaaa (job)\n┃ Bash\n┃   npm test\n"
    [approval] = (await machine.jelmore("next", "--json")).json["approvals"]
    assert approval["command"] == "npm test"


async def test_approve_by_session_and_deny_by_id(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    done = await machine.jelmore("approve", "job", "--always")
    assert done.out == "┃ Bash\n┃   npm test\n┃ ✓ allowed, always: this exact command, in this session\n"
    await machine.jelmore("send", "job", "again")
    await machine.jelmore("wait", "job", "--for", "input")
    [approval] = (await machine.jelmore("next", "--json")).json["approvals"]
    denied = await machine.jelmore("deny", approval["approvalId"], "-m", "not today", "--json")
    assert denied.json["status"] == "resolved"
    first, second = resolved(daemon)
    assert first["optionId"] == "allow-always"
    assert (second["optionId"], second["message"]) == ("reject", "not today")


async def test_a_session_that_waits_for_nothing(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="job")
    done = await machine.jelmore("approve", "job")
    assert (done.code, done.err) == (Exit.REFUSED, "jelmore: ses_aaaa (job) waits for nothing\n")
