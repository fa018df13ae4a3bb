from __future__ import annotations

from jelmored.client.exits import Exit
from tests.client import scripts
from tests.client.daemon import FakeDaemon, Json, Turn, question
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


async def test_next_where_nothing_can_be_taken_back(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    terminal = await machine.at_terminal("next", environ={"TERM": "dumb"})
    assert await terminal.end() == Exit.OK
    terminal.close()
    assert terminal.seen == "ses_aaaa (job)\n┃ Bash\n┃   npm test\n"


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


async def test_another_option_another_command_and_an_end(daemon: FakeDaemon, machine: Machine) -> None:
    for options in (("approve", "--option", "allow-a"), ("approve", "--edit", "ls"), ("deny", "--interrupt")):
        await waiting(daemon, machine)
        command, *rest = options
        assert (await machine.jelmore(command, "job", *rest)).code == Exit.OK
        await machine.jelmore("archive", "job")
        daemon.sessions.clear()
    always, edited, ended = resolved(daemon)
    assert always["optionId"] == "allow-always"
    assert (edited["optionId"], edited["updatedInput"]) == ("allow", {"command": "ls"})
    assert (ended["optionId"], ended["interrupt"]) == ("reject", True)


async def test_what_there_is_to_choose_is_said(daemon: FakeDaemon, machine: Machine) -> None:
    await waiting(daemon, machine)
    wrong = await machine.jelmore("approve", "job", "--option", "maybe")
    assert (wrong.code, wrong.err.partition(": allow")[2]) == (
        Exit.REFUSED,
        " (Allow), allow-always (Always allow), reject (Reject)\n",
    )
    assert (await machine.jelmore("approve", "job", "--input", "[1]")).code == Exit.USAGE
    assert "is no question: `jelmore approve`" in (await machine.jelmore("answer", "job", "Red")).err


async def test_questions_are_answered_from_a_script(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = wonders
    await machine.jelmore("run", "-d", "-n", "job", "go")
    await machine.jelmore("wait", "job", "--for", "input")
    refused = await machine.jelmore("approve", "job")
    assert "asks a question: colour: Which colour? [Red | Green]; parts: Which parts?" in refused.err
    missing = await machine.jelmore("answer", "job", "Red")
    assert missing.err == "jelmore: an answer is missing: parts: Which parts? [Roof | Wall], one or more\n"
    done = await machine.jelmore("answer", "job", "red", "--question", "parts=Roof,Wall", "-m", "soon", "--json")
    assert done.json["status"] == "resolved"
    [answer] = resolved(daemon)
    assert answer["answers"] == {"colour": ["Red"], "parts": ["Roof", "Wall"]}
    assert answer["message"] == "soon"


async def test_a_question_is_declined(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = wonders
    await machine.jelmore("run", "-d", "-n", "job", "go")
    await machine.jelmore("wait", "job", "--for", "input")
    assert (await machine.jelmore("deny", "job")).code == Exit.OK
    assert [answer["cancelled"] for answer in resolved(daemon)] == [True]


async def wonders(turn: Turn) -> None:
    await turn.wonders(
        question("colour", "Which colour?", "Red", "Green"),
        question("parts", "Which parts?", "Roof", "Wall", multi_select=True),
    )
    await turn.ends()
