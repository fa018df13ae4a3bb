from __future__ import annotations

import pytest

from jelmored.client.client import Client
from jelmored.client.errors import Unclear
from jelmored.client.picking import named, one, pick_approval, pick_session

from .daemon import FakeDaemon, approval_of


async def test_a_name_that_begins_another_wins(daemon: FakeDaemon, client: Client) -> None:
    daemon.add(1, name="build-2")
    daemon.add(2, name="build")
    assert (await pick_session(client, "build", "/w")).id.startswith("ses_b")
    assert (await pick_session(client, "build-", "/w")).id.startswith("ses_a")
    assert (await pick_session(client, "aa", "/w")).id.startswith("ses_a")


async def test_the_nearest_names_are_suggested(daemon: FakeDaemon, client: Client) -> None:
    daemon.add(1, name="frontend")
    daemon.add(2, name="backend")
    views = await client.sessions()
    with pytest.raises(Unclear, match="no session goes by 'fronted'; did you mean frontend"):
        named("fronted", views)
    with pytest.raises(Unclear, match="no session goes by 'zzz'; `jelmore ls -a` shows all"):
        named("zzz", views)


async def test_a_name_cannot_steer_the_terminal(daemon: FakeDaemon, client: Client) -> None:
    daemon.add(1, name="ev\x1b[2Jil-1")
    daemon.add(2, name="ev\x1b[2Jil-2")
    with pytest.raises(Unclear) as unclear:
        named("ev", await client.sessions())
    assert "\x1b" not in str(unclear.value)


def test_one_of_several_things_by_a_word() -> None:
    things = ["task_1", "task_10", "task_2"]
    assert one("task", "task_1", things, str) == "task_1"
    assert one("task", "task_2", things, str) == "task_2"
    with pytest.raises(Unclear, match="'task_' begins several: task_1, task_10, task_2"):
        one("task", "task_", things, str)
    with pytest.raises(Unclear, match="no task goes by 'x'; there is task_1, task_10, task_2"):
        one("task", "x", things, str)
    with pytest.raises(Unclear, match="no task goes by 'x'; there is none"):
        one("task", "x", [], str)
    with pytest.raises(Unclear, match=r"k7, …"):
        one("task", "k", [f"k{number}" for number in range(20)], str)


async def test_an_approval_by_its_id_or_by_its_session(daemon: FakeDaemon, client: Client) -> None:
    first, second, third = daemon.add(1, name="one"), daemon.add(2, name="two"), daemon.add(3, name="three")
    for session, number in ((first, "apr_one"), (second, "apr_two")):
        session.approvals[number] = approval_of(session, number, "Bash: ls")
    assert (await pick_approval(client, "apr_t", "/w")).session_id == second.id
    assert (await pick_approval(client, "one", "/w")).approval_id == "apr_one"
    with pytest.raises(Unclear, match="no approval goes by 'apr_x'; there is apr_one, apr_two"):
        await pick_approval(client, "apr_x", "/w")
    with pytest.raises(Unclear, match=r"ses_cccc \(three\) waits for nothing; others do: ses_aaaa: Bash: ls, ses_bbbb"):
        await pick_approval(client, third.id, "/w")


async def test_without_a_word_the_last_of_the_directory(daemon: FakeDaemon, client: Client) -> None:
    daemon.add(1, cwd="/w", lastActivity="2026-01-01T00:00:00.000Z")
    daemon.add(2, cwd="/w", lastActivity="2026-01-02T00:00:00.000Z")
    daemon.add(3, cwd="/elsewhere", lastActivity="2026-01-03T00:00:00.000Z")
    assert (await pick_session(client, None, "/w")).id.startswith("ses_b")
    with pytest.raises(Unclear, match="no session works in /nowhere"):
        await pick_session(client, None, "/nowhere")
