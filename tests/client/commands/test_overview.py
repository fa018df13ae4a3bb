from __future__ import annotations

from tests.client import scripts
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine


async def test_alone_it_says_who_waits_for_you(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore()).out == "No sessions yet.\n→ jelmore run PROMPT  starts one\n"
    daemon.script = scripts.asks
    await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")
    await machine.jelmore("wait", "job", "--for", "input")
    daemon.add(2, status="terminated")
    seen = (await machine.jelmore()).out.splitlines()
    assert seen[0] == "1 waits for you"
    assert seen[1].split()[0] == "job"
    assert seen[1].endswith("  Bash: npm test")
    assert seen[2:] == ["→ jelmore next  answers it"]
    told = (await machine.jelmore("--json")).json
    assert [approval["command"] for approval in told["approvals"]] == ["npm test"]
    assert len(told["sessions"]) == 1


async def test_at_a_terminal_it_has_colours_unless_they_are_not_wanted(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="job", status="failed")
    for environ, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        terminal = await machine.at_terminal(environ=environ)
        assert await terminal.end() == 0
        terminal.close()
        assert ("\x1b[31m" in terminal.seen) is coloured
        assert "1 failed" in terminal.seen
