from __future__ import annotations

import pytest
import trio
import trio.testing

from jelmored.client.exits import Exit
from tests.client import scripts
from tests.client.daemon import FakeDaemon, FakeSession
from tests.client.machine import Machine


async def test_the_list_and_its_forms(daemon: FakeDaemon, machine: Machine) -> None:
    moments = {1: "2020-01-01T00:00:00.000Z", 2: "2021-01-01T00:00:00.000Z", 3: "2022-01-01T00:00:00.000Z"}
    for number, moment in moments.items():
        daemon.add(number, lastActivity=moment, name=f"n{number}", directory=f"{machine.root}/src")
    daemon.add(4, status="terminated")
    shown = await machine.jelmore("ls")
    assert [line.split()[:4] for line in shown.out.splitlines()] == [
        ["SESSION", "NAME", "STATUS", "PROVIDER"],
        ["ses_cccc", "n3", "idle", "claude"],
        ["ses_bbbb", "n2", "idle", "claude"],
        ["ses_aaaa", "n1", "idle", "claude"],
    ]
    assert shown.out.splitlines()[1].endswith("~/src")
    assert len((await machine.jelmore("ls", "-a")).out.splitlines()) == 5
    assert (await machine.jelmore("ls", "-q")).out.split() == [f"ses_{letter * 4}xxxxxxxxxxxx" for letter in "cba"]
    assert [view["name"] for view in (await machine.jelmore("ls", "--json")).json["sessions"]] == ["n3", "n2", "n1"]


@pytest.mark.parametrize("word", ["ses_aaaaxxxxxxxxxxxx", "build", "ses_a", "aa", "bui", None])
async def test_what_a_session_may_be_called(daemon: FakeDaemon, machine: Machine, word: str | None) -> None:
    daemon.add(1, name="build", cwd=machine.real_work)
    daemon.add(2, name="other")
    done = await machine.jelmore("archive", *([word] if word else []), "--json")
    assert (done.code, done.json["sessionId"][:8], done.json["status"]) == (Exit.OK, "ses_aaaa", "terminated")


async def test_what_names_nothing_or_too_much(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, name="build-1")
    daemon.add(2, name="build-2")
    several = await machine.jelmore("archive", "build")
    assert several.code == Exit.REFUSED
    assert "begins several: ses_aaaaxxxxxxxxxxxx (build-1), ses_bbbbxxxxxxxxxxxx (build-2)" in several.err
    assert "no session goes by 'nobody'" in (await machine.jelmore("archive", "nobody")).err
    assert "no session works in" in (await machine.jelmore("archive")).err


async def test_an_interrupt_says_whether_there_was_a_turn(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.works
    await machine.jelmore("run", "-d", "-n", "job", "go")
    assert (await machine.jelmore("interrupt", "job")).err == "ses_aaaa (job): interrupted\n"
    assert (await machine.jelmore("wait", "job")).code == Exit.OK
    assert (await machine.jelmore("interrupt", "job", "--json")).json == {"interrupted": False}


async def test_waiting_ends_with_the_status_or_the_timeout(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, status="active")
    late = await machine.jelmore("wait", "ses_a", "--timeout", "0.2")
    assert (late.code, late.err) == (Exit.TIMED_OUT, "ses_aaaa: still active\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_become_idle, session)
        assert (await machine.jelmore("wait", "ses_a", "--json")).json["status"] == "idle"
    session.view["status"] = "terminated"
    assert (await machine.jelmore("wait", "ses_a")).code == Exit.TURN_FAILED


async def _become_idle(session: FakeSession) -> None:
    """Once somebody listens."""
    while not any(session.id in peer.subscribed for peer in session.daemon.peers):
        await trio.testing.wait_all_tasks_blocked(0.01)
    for status in ("waiting_input", "active", "idle"):
        session.status(status)


async def test_a_refusal_comes_with_its_kind_and_its_remedy(daemon: FakeDaemon, machine: Machine) -> None:
    refused = await machine.jelmore("run", "-C", "/nowhere", "go")
    assert (refused.code, refused.err) == (
        Exit.REFUSED,
        "jelmore: cwd: no such directory\n  → make it first\n",
    )
    told = await machine.jelmore("run", "-C", "/nowhere", "go", "--json")
    assert '"kind": "invalid-params"' in told.err
    assert told.out == ""
