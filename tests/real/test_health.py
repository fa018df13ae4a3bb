"""How the real claude's provider is, while its model's server fails, is away, and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
import trio

from tests.client_raw import connect
from tests.eventually import eventually
from tests.watch import Json

from . import daemon
from .model_server import ModelServer, refusing, serving
from .script import Script, fails, says, when
from .stage import Stage, open_stage

pytestmark = pytest.mark.real

PATIENCE = 30.0
FIRST_LOOKS = 3.0  # seconds in which a look at the server has found it away: back before that, it never was


async def provider(stage: Stage) -> Json:
    view: Json = await stage.client.request("provider/get", name="claude")
    return view


async def until(stage: Stage, **expected: Any) -> Json:
    """The provider, once it is so."""
    with trio.fail_after(PATIENCE):
        while True:
            view = await provider(stage)
            if all(view.get(key) == value for key, value in expected.items()):
                return view
            await trio.sleep(0.1)


@asynccontextmanager
async def back_at(url: str) -> AsyncIterator[None]:
    """The model's server is there at last."""
    server = ModelServer(Script(when("", says("Here I am."))), int(url.rpartition(":")[2]))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield
        nursery.cancel_scope.cancel()


async def test_without_a_network_it_is_offline_until_its_server_answers() -> None:
    with ExitStack() as away:
        url = away.enter_context(refusing())
        leading = {"max_retries": 1, "environment": {"ANTHROPIC_BASE_URL": url}}
        async with open_stage(Script(), claude=leading) as stage:
            session = await stage.session(prompt="hello")
            view = await until(stage, health="offline", breaker="closed")
            assert "it goes on by itself" in view["remedy"]
            await trio.sleep(FIRST_LOOKS)
            away.close()
            async with back_at(url):
                await until(stage, health="healthy")
                await stage.prompt(session, "and now?")
                await eventually(lambda: "Here I am." in [e["content"] for e in session.events], PATIENCE)
                assert (await until(stage, health="healthy"))["latencyMs"] > 0


@pytest.mark.soak
async def test_three_failed_turns_open_the_breaker_and_a_restart_closes_it() -> None:
    script = Script(when("fail", fails(500)), when("", says("Well again.")))
    async with open_stage(script, claude={"max_retries": 0}) as stage:
        session = await stage.session(prompt="fail please")
        await session.turn_over(1)
        for _ in range(2):
            await stage.turn(session, "fail please")
        view = await until(stage, health="unhealthy", breaker="open")
        assert view["reason"].startswith("3 failures in a row, the last one: ")
        assert view["openUntil"]
        agent = await stage.agent()
        assert (await stage.client.request("provider/restart", name="claude"))["breaker"] == "closed"
        assert not agent.alive, "its runs were ended"
        await stage.turn(session, "and now?")
        assert session.said(4) == "Well again."


@pytest.mark.soak
async def test_drained_it_closes_idle_agents_and_starts_none() -> None:
    async with open_stage(Script(when("", says("Hello.")))) as stage:
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        agent = await stage.agent()
        assert (await stage.client.request("provider/drain", name="claude"))["draining"]
        await eventually(lambda: not agent.alive, PATIENCE)
        ended = await stage.turn(session, "again")
        assert ended["metadata"]["reason"] == "failed"
        assert ended["metadata"]["error"]["kind"] == "no-provider"
        await stage.client.request("provider/undrain", name="claude")
        await stage.turn(session, "and now?")
        assert session.said(3) == "Hello."


async def test_a_cooling_is_known_after_a_restart_of_the_daemon() -> None:
    async with daemon.new_place() as place, serving(Script(when("", fails(529)))) as model:
        settings = daemon.configuration(place, model.url, claude={"max_retries": 0})
        until_when = []
        for life in range(2):
            async with daemon.running(place, settings), connect(place.socket) as client:
                if life == 0:
                    created = await client.request("session/create", cwd=str(place.work), prompt="hello")
                    session = await client.subscribe(created["sessionId"])
                    await session.turn_over(1)
                view = await client.request("provider/get", name="claude")
                assert view["health"] == "degraded"
                until_when.append(view["coolingUntil"])
        assert until_when[0] == until_when[1]
