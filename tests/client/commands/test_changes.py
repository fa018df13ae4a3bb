from __future__ import annotations

import pytest

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon, Json
from tests.client.machine import Machine


def asked(daemon: FakeDaemon, method: str) -> list[Json]:
    return [request["params"] for request in daemon.asked if request["method"] == method]


async def test_only_what_is_given_is_changed(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    done = await machine.jelmore(*(
        "set",
        "job",
        "--model",
        "opus",
        "--permission-mode",
        "allow-edits",
        "--max-turns",
        "9",
        "--pin",
    ))
    assert done.err == (
        "ses_aaaa (job): opus, permission mode allow-edits, at most 9 calls a turn, pinned to its provider\n"
    )
    await machine.jelmore("set", "job", "--name", "task", "--no-pin")
    first, second = asked(daemon, "session/configure")
    assert first == {
        "sessionId": session.id,
        "model": "opus",
        "permissionMode": "allow-edits",
        "limits": {"maxTurns": 9},
        "pin": True,
    }
    assert second == {"sessionId": session.id, "name": "task", "pin": False}
    assert (await machine.jelmore("set", "task", "--title", "All of it", "--json")).json["title"] == "All of it"


async def test_a_change_of_nothing(machine: Machine) -> None:
    done = await machine.jelmore("set", "job")
    assert (done.code, done.err.partition(":")[0]) == (Exit.USAGE, "jelmore")
    assert "--permission-mode" in done.err


async def test_compacting_is_a_prompt(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="job")
    assert (await machine.jelmore("compact", "job")).err == (
        "ses_aaaa (job): asked to sum up; `jelmore wait job` waits for it\n"
    )
    assert (await machine.jelmore("compact", "job", "--json")).json == {"promptId": "prm_1"}
    keys = {params["requestKey"] for params in asked(daemon, "session/compact")}
    assert len(keys) == 2


async def test_a_fork_in_the_background(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    done = await machine.jelmore("fork", "job", "-n", "other", "--at", "7", "--model", "opus", "-d")
    assert done.out == "ses_bbbbxxxxxxxxxxxx\n"
    assert done.err == "ses_bbbb (other) knows what ses_aaaa (job) knew; `jelmore attach other`\n"
    assert asked(daemon, "session/fork") == [{"sessionId": session.id, "atSeq": 7, "name": "other", "model": "opus"}]


async def test_a_fork_at_a_terminal_is_attached_to(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="job")
    terminal = await machine.at_terminal("fork", "job", "-n", "other")
    await terminal.until("ses_bbbb (other)")
    terminal.press("\x04")
    assert await terminal.end() == Exit.OK
    terminal.close()
    assert "jelmore attach other" in terminal.seen


async def test_archived_sessions_are_deleted_and_others_not(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="one", status="terminated")
    daemon.add(2, name="two", status="terminated")
    daemon.add(3, name="three")
    assert (
        await machine.jelmore("rm", "one", "two", "ses_a")
    ).err == "ses_aaaa (one): deleted\nses_bbbb (two): deleted\n"
    assert list(daemon.sessions) == ["ses_ccccxxxxxxxxxxxx"]
    refused = await machine.jelmore("rm", "three")
    assert (refused.code, refused.err) == (
        Exit.REFUSED,
        "jelmore: the session is not closed\n  → jelmore archive ses_ccccxxxxxxxxxxxx\n",
    )
    await machine.jelmore("archive", "three")
    assert (await machine.jelmore("rm", "three", "--json")).json == {"deleted": ["ses_ccccxxxxxxxxxxxx"]}


async def test_nothing_is_deleted_when_one_word_is_in_doubt(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="one", status="terminated")
    done = await machine.jelmore("rm", "one", "oen")
    assert (done.code, len(daemon.sessions)) == (Exit.REFUSED, 1)
    assert "did you mean one?" in done.err


@pytest.mark.parametrize("option", [("-C",), ("--directory",)])
async def test_in_another_directory(daemon: FakeDaemon, machine: Machine, option: tuple[str]) -> None:
    (machine.work / "sub").mkdir(parents=True)
    daemon.add(1, name="here", cwd=machine.real_work)
    daemon.add(2, name="there", cwd=f"{machine.real_work}/sub")
    assert (await machine.jelmore(*option, "sub", "compact")).err.startswith("ses_bbbb (there)")
    assert (await machine.jelmore("compact", *option, "sub")).err.startswith("ses_bbbb (there)")
    assert (await machine.jelmore("compact")).err.startswith("ses_aaaa (here)")
