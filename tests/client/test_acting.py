from __future__ import annotations

import io

import pytest

from jelmored.client import Client
from jelmored.client.acting import Acting
from jelmored.client.terminal.desk import Decide, Say
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.transcript import Transcript
from jelmored.client.terminal.voices import Told

from . import scripts
from .daemon import FakeDaemon
from .terminal.stage import approval, view


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


async def acting(client: Client, said: io.StringIO) -> Acting:
    session = await client.create_session("/w", "go")
    return Acting(client, session, Told(Painter(said, {}), Transcript(view)), "/w", "/")


async def test_what_is_wished_is_done(daemon: FakeDaemon, client: Client, said: io.StringIO) -> None:
    daemon.script = scripts.works
    acts = await acting(client, said)
    assert await acts.say(Say("more"))
    assert await acts.say(Say("now", steer=True))
    await acts.interrupt(1)
    sent = [request["params"] for request in daemon.asked if request["method"] == "session/prompt"]
    assert [(params["prompt"], params["whenBusy"]) for params in sent] == [("more", "queue"), ("now", "steer")]
    assert said.getvalue() == "· stopping the turn …\n"


async def test_what_is_refused_is_told(daemon: FakeDaemon, client: Client, said: io.StringIO) -> None:
    acts = await acting(client, said)
    await acts.decide(Decide(approval=approval(), option_id="allow"))
    daemon.sessions.clear()
    assert not await acts.say(Say("more"))
    await acts.interrupt(1)
    assert "somebody was faster" in said.getvalue()
    assert said.getvalue().count("there is no session") == 2
