"""The real OpenCode behind the whole daemon, seen by a client: turns, approvals, restarts of everything."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.eventually import eventually

from . import agents, daemon
from .processes import Process
from .script import Script, recalls, says, uses, when
from .scripts import LONG
from .stage import Stage, alive, open_place

pytestmark = pytest.mark.real

FIRST = 60.0  # s: the server is started, and takes up the directory

SCRIPT = (
    when("first thing", recalls),
    when("tool", uses("bash", command="echo from-the-tool", description="says"), says("It said so.")),
    when("long", says(LONG, pieces=200, pace=0.05)),
    when("", says("I will remember.")),
)


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    async with (
        open_place(Script(*SCRIPT)) as (place, model),
        alive(place, model, daemon.opencode_configuration(place, model.url)) as stage,
    ):
        yield stage


def _server(stage: Stage) -> Process | None:
    found = [process for process in stage.place.left() if " serve --hostname" in process.command]
    return found[0] if len(found) == 1 else None


async def test_a_session_from_its_first_prompt_to_the_next_life_of_the_daemon() -> None:
    async with open_place(Script(*SCRIPT)) as (place, model):
        configuration = daemon.opencode_configuration(place, model.url)
        async with alive(place, model, configuration) as stage:
            session = await stage.session(prompt="my colour is red")
            ended = await session.turn_over(1, FIRST)
            assert ended["metadata"]["reason"] == "completed"
            await stage.client.request("provider/check", name="opencode")
            offered = await stage.client.request("model/list", provider="opencode")
            assert agents.OPENCODE_MODEL in {model["name"] for model in offered["models"]}
            assert "sk-scripted" not in str(offered)
            session_id = session.session_id
        async with alive(place, model, configuration) as stage:
            again = await stage.client.subscribe(session_id)
            await stage.prompt(again, "what was the first thing?")
            ended = await again.turn_over(2, FIRST)
            said = [event["content"] for event in await stage.history(again) if event["eventType"] == "assistant"]

            assert ended["metadata"]["reason"] == "completed"
            assert said[-1] == "The first thing you told me was: my colour is red"
        assert "sk-scripted" not in place.log.read_text()


@pytest.mark.soak
async def test_a_tool_is_approved_by_a_client() -> None:
    async with _stage() as stage:
        session = await stage.session(prompt="use the tool")
        await session.event("approval_requested", seconds=FIRST)
        await stage.resolve(session, "allow_once")
        ended = await session.turn_over(1, FIRST)
        results = [event for event in await stage.history(session) if event["eventType"] == "tool_result"]

        assert ended["metadata"]["reason"] == "completed"
        assert "from-the-tool" in results[0]["content"]


async def test_a_server_that_is_killed_costs_a_turn_and_no_session_and_nobody_fails_over() -> None:
    async with _stage() as stage:
        session = await stage.session(prompt="my colour is red")
        await session.turn_over(1, FIRST)
        server = await eventually(lambda: _server(stage), 10)
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        await stage.prompt(session, "what was the first thing?")
        ended = await session.turn_over(2, FIRST)
        events = await stage.history(session)

        assert ended["metadata"]["reason"] == "completed"
        said = [event["content"] for event in events if event["eventType"] == "assistant"]
        assert said[-1] == "The first thing you told me was: my colour is red"
        assert not [event for event in events if event["eventType"] == "failover"]


@pytest.mark.soak
async def test_nothing_is_left_of_it_when_the_daemon_is_killed() -> None:
    async with _stage() as stage:
        session = await stage.session(prompt="long")
        await session.delta(turn=1, seconds=FIRST)
        known = stage.daemon.family()
        await stage.daemon.kill()
        await stage.place.until_empty(known, 2)
