"""The daemon's planned ends."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from tests.client_raw import Closed
from tests.invariants import check

from . import processes
from .script import Script, recalls, says, uses, when
from .stage import alive, open_place

pytestmark = pytest.mark.real

SLEEP = "sleep 976"


def _script() -> Script:
    return Script(
        when("first thing", recalls),
        when("wait", uses("Bash", command=SLEEP), says("Waited.")),
        when("", says("Noted.")),
    )


async def test_sigterm_leaves_nothing_and_says_goodbye() -> None:
    sessions = {"resume_interrupted": "never"}  # what is gone on with: test_restart.py
    async with open_place(_script()) as (place, model):
        async with alive(place, model, sessions=sessions) as stage:
            session = await stage.session(prompt="my parrot is called Coco", permissionMode="allow-all")
            await session.turn_over(1)
            await stage.prompt(session, "wait")
            await processes.until_running(place.marker, SLEEP)
            family = stage.daemon.family()
            begun = trio.current_time()
            assert await stage.daemon.stop() == 0
            assert trio.current_time() - begun <= 20
            assert not [process.command for process in place.left(family)]
            assert await stage.client.wait_closed() == 1001
            assert not place.socket.exists()
        async with alive(place, model, sessions=sessions) as stage:
            again = await stage.client.subscribe(session.session_id)
            ended = await again.turn_over(2)
            assert ended["metadata"]["reason"] == "interrupted"
            assert {seq: again.frames[seq] for seq in session.frames} == session.frames
            await stage.turn(again, "what was the first thing I told you?")
            assert again.said(3) == "The first thing you told me was: my parrot is called Coco"
            check(again)


async def test_sigterm_does_not_wait_for_an_agent_that_hangs() -> None:
    async with open_place(_script()) as (place, model), alive(place, model) as stage:
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        family = stage.daemon.family()
        os.kill((await stage.agent()).pid, signal.SIGSTOP)
        begun = trio.current_time()
        assert await stage.daemon.stop() == 0
        assert trio.current_time() - begun <= 20
        assert not [process.command for process in place.left(family)]


async def test_shutdown_by_request() -> None:
    async with open_place(_script()) as (place, model), alive(place, model) as stage:
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        family = stage.daemon.family()
        assert await stage.client.request("daemon/shutdown") == {}
        assert await stage.client.wait_closed() == 1001
        with trio.fail_after(20):
            assert await stage.daemon.process.wait() == 0
        assert not place.left(family)
        with pytest.raises(Closed):
            await stage.client.request("ping")


async def test_a_closed_session_is_over_and_its_log_stays() -> None:
    async with open_place(_script()) as (place, model), alive(place, model) as stage:
        session = await stage.session(prompt="wait", permissionMode="allow-all")
        tool = await processes.until_running(place.marker, SLEEP)
        closed = await stage.client.request("session/close", sessionId=session.session_id)
        assert closed["status"] == "terminated"
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "interrupted"
        await processes.until_gone(tool, 2)
        assert (await stage.client.request("session/list"))["sessions"] == []
        (listed,) = (await stage.client.request("session/list", includeTerminated=True))["sessions"]
        assert listed["attached"] is False
        history = await stage.history(session)
        assert [event["seq"] for event in history] == list(range(1, listed["seq"] + 1))
        check(session)
