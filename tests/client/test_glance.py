from __future__ import annotations

from jelmored.client.client import Client
from jelmored.client.glance import TAIL, glances

from . import scripts
from .daemon import FakeDaemon, FakeSession, Turn

BY = {"connectionId": "con_1", "client": "jelmore"}


async def test_the_tool_that_runs(daemon: FakeDaemon, client: Client) -> None:
    turn = Turn(daemon.add(), "go")
    await turn.gets(await turn.uses("read", "Read", "Read: a.py"), "text")
    await turn.says("On it.")
    await turn.uses("execute", "Bash", "Bash: make")
    [seen] = await glances(client, await client.sessions())
    assert (seen.tool, seen.said, seen.trouble) == ("Bash: make", "On it.", None)


async def test_the_last_words_of_the_agent_itself(daemon: FakeDaemon, client: Client) -> None:
    turn = Turn(session := daemon.add(), "go")
    await turn.uses("execute", "Bash", "Bash: make")
    await turn.thinks("Hm.")
    await turn.says("Done.")
    session.tell("assistant", "I am another.", {"itemId": "itm_x", "parentToolUseId": "toolu_1"})
    await turn.ends()
    [seen] = await glances(client, await client.sessions())
    assert (seen.tool, seen.said, seen.trouble) == (None, "Done.", None)


async def test_why_it_failed_and_that_it_works_again(daemon: FakeDaemon, client: Client) -> None:
    session = daemon.add()
    await scripts.fails(Turn(session, "go"))
    assert [seen.trouble for seen in await glances(client, await client.sessions())] == ["not logged in: log in"]
    await Turn(session, "go").ends("interrupted")
    assert [seen.trouble for seen in await glances(client, await client.sessions())] == ["not logged in: log in"]
    await Turn(session, "go").ends()
    assert [seen.trouble for seen in await glances(client, await client.sessions())] == [None]


async def test_many_are_seen_in_their_order_and_only_their_ends(daemon: FakeDaemon, client: Client) -> None:
    for number in range(1, 13):
        _talk(daemon.add(number), f"answer {number}")
    views = await client.sessions()
    assert [seen.said for seen in await glances(client, views)] == [f"answer {number}" for number in range(1, 13)]
    limits = [request["params"]["limit"] for request in daemon.asked if request["method"] == "session/history"]
    assert limits == [TAIL] * 12


def _talk(session: FakeSession, last: str) -> None:
    for number in range(2 * TAIL):
        session.tell("user", "x", {"promptId": f"prm_{number}", "disposition": "started", "by": BY})
    session.tell("assistant", last, {"itemId": "itm_1"})
