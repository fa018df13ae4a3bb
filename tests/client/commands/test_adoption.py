from __future__ import annotations

import pytest

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine

OLD = "2026-01-02T03:04:05.000Z"


@pytest.fixture
def kept(daemon: FakeDaemon) -> FakeDaemon:
    """Its agent keeps three conversations; of one there is a session already."""
    session = daemon.add(1, name="job")
    daemon.past = [
        {"nativeId": "aa-1", "cwd": "/w", "title": "fix the build", "updatedAt": OLD},
        {"nativeId": "ab-2", "cwd": "/w/x", "title": "a question", "updatedAt": OLD, "sessionId": session.id},
        {"nativeId": "bb-3", "cwd": "/w", "title": "more", "updatedAt": OLD},
    ]
    return daemon


async def test_without_an_id_they_are_listed(kept: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("import", "--from", "claude")
    head, first, second, third = done.out.splitlines()
    assert head.split() == ["ID", "LAST", "USED", "DIRECTORY", "SESSION", "TITLE"]
    assert (first.split()[0], first.endswith("fix the build")) == ("aa-1", True)
    assert "ses_aaaa" in second
    assert third.startswith("bb-3")
    assert not any(request["method"] == "session/adopt" for request in kept.asked)
    assert len((await machine.jelmore("import", "--from", "claude", "--json")).json["sessions"]) == 3


async def test_where_there_are_none(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("import", "--from", "claude")).err == "it keeps no sessions\n"


async def test_one_goes_on_here(kept: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("import", "--from", "claude", "aa")
    [adopted] = [request["params"] for request in kept.asked if request["method"] == "session/adopt"]
    assert adopted == {"provider": "claude", "nativeId": "aa-1"}
    assert done.out == "ses_bbbbxxxxxxxxxxxx\n"
    assert done.err == "ses_bbbb: 0 turns, in /w; `jelmore attach` goes on\n"


async def test_all_go_on_here(kept: FakeDaemon, machine: Machine) -> None:
    assert len((await machine.jelmore("import", "--from", "claude", "--all", "--json")).json["sessions"]) == 3


async def test_an_id_that_is_in_doubt_adopts_none(kept: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("import", "--from", "claude", "bb", "a")
    assert done.code != Exit.OK
    assert "aa-1" in done.err
    assert not any(request["method"] == "session/adopt" for request in kept.asked)


async def test_from_where(machine: Machine) -> None:
    done = await machine.jelmore("import")
    assert done.code == Exit.USAGE
    assert "--from" in done.err
