"""Turns that the end of the daemon cuts, with the real agent: gone on with as configured, no tool done twice, nothing
that was told lost or told again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from tests.invariants import check
from tests.watch import Watch

from . import daemon
from .middles import in_a_stream, in_a_tool, in_an_approval
from .script import Answer, LineOf, Script, recalls, says, uses, when
from .scripts import LONG
from .stage import Stage, alive, open_place

pytestmark = pytest.mark.real

COCO = "my parrot is called Coco"
RECALL = "what was the first thing I told you?"
SLEEP = "sleep 973"
LEFT_SECONDS = 2.0
FIRST = 60.0  # seconds: the server is started, and takes up the directory


def _script() -> Script:
    return Script(
        when("first thing", recalls),
        when("wait", _begins(uses("Bash", command=f"echo ran >> ran; {SLEEP}"))),
        when("talk", _begins(says(LONG, pieces=400, pace=0.02))),
        when("ask", _begins(uses("Bash", command="echo ran >> ran"))),
        when("", says("Noted.")),
    )


def _begins(line: Answer) -> LineOf:
    """With this, but for one who is told that the turn was cut."""
    return lambda told: says("I have looked: it is done.") if "was cut off" in "\n".join(told.human) else line


async def _in_a_tool(stage: Stage, session: Watch) -> None:
    await in_a_tool(stage, session, SLEEP)


async def _stopped(stage: Stage) -> None:
    assert await stage.daemon.stop() == 0


async def _killed(stage: Stage) -> None:
    await stage.daemon.kill()


async def _shut_down(stage: Stage) -> None:
    """As before an upgrade: turns are given a moment to end."""
    await stage.client.request("daemon/shutdown", graceSeconds=1.0)
    assert await stage.daemon.process.wait() == 0


@attrs.frozen
class Place:
    begin: Callable[[Stage, Watch], Awaitable[None]]
    mode: str
    ran: int


PLACES = {
    "tool": Place(_in_a_tool, "allow-all", 1),
    "stream": Place(in_a_stream, "ask", 0),
    "approval": Place(in_an_approval, "ask", 0),
}


@pytest.mark.parametrize(
    "where", ["tool", *(pytest.param(one, marks=pytest.mark.soak) for one in ("stream", "approval"))]
)
@pytest.mark.parametrize(
    ("end", "policy", "goes_on"),
    [
        (_stopped, "planned", True),
        pytest.param(_shut_down, "always", True, marks=pytest.mark.soak),
        pytest.param(_stopped, "never", False, marks=pytest.mark.soak),
        pytest.param(_killed, "planned", False, marks=pytest.mark.soak),
        (_killed, "always", True),
    ],
)
async def test_a_cut_turn_with_a_prompt_behind_it(
    where: str, end: Callable[[Stage], Awaitable[None]], policy: str, goes_on: bool
) -> None:
    sessions = {"resume_interrupted": policy}
    async with open_place(_script()) as (place, model):
        async with alive(place, model, sessions=sessions) as stage:
            other = await stage.session(prompt="hello")
            await other.turn_over(1)
            session = await stage.session(prompt=COCO, permissionMode=PLACES[where].mode)
            await session.turn_over(1)
            await place.until_claude_kept("Noted.")
            await PLACES[where].begin(stage, session)
            queued = await stage.prompt(session, RECALL)
            assert queued["disposition"] == "queued"
            family = stage.daemon.family()
            await end(stage)
            await place.until_empty(family, LEFT_SECONDS)
            known = dict(session.frames)
        async with alive(place, model, sessions=sessions) as stage:
            listed = {one["sessionId"] for one in (await stage.client.request("session/list"))["sessions"]}
            assert listed == {session.session_id, other.session_id}
            again = await stage.client.subscribe(session.session_id, after=max(known))
            assert again.reply["logId"] == session.reply["logId"]
            if goes_on:
                await _is_gone_on_with(again)
            else:
                await _waits(stage, again, queued["promptId"])
            assert again.said(4 if goes_on else 3) == f"The first thing you told me was: {COCO}"
            assert min(again.frames) == max(known) + 1, "neither gap nor repeat"
            assert _ran(place.work) == PLACES[where].ran
            whole = await stage.client.subscribe(session.session_id)
            await whole.caught_up()
            assert {seq: whole.frames[seq] for seq in known} == known
            assert {seq: whole.frames[seq] for seq in again.frames} == again.frames
            ended = await whole.turn_over(2)
            assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "daemon_restart")
            check(whole)


async def _is_gone_on_with(again: Watch) -> None:
    assert (await again.turn_over(3, seconds=30))["metadata"]["reason"] == "completed"
    assert again.said(3) == "I have looked: it is done."
    assert (await again.turn_over(4, seconds=30))["metadata"]["reason"] == "completed"


async def _waits(stage: Stage, again: Watch, prompt_id: str) -> None:
    waiting = (await stage.client.request("session/queue", sessionId=again.session_id))["prompts"]
    assert [one["promptId"] for one in waiting] == [prompt_id]
    await stage.prompt(again, "thank you")
    for turn in (3, 4):
        assert (await again.turn_over(turn, seconds=30))["metadata"]["reason"] == "completed"


@pytest.mark.soak
@pytest.mark.parametrize(("end", "policy"), [(_stopped, "planned"), (_killed, "always")])
async def test_opencode_goes_on_too(end: Callable[[Stage], Awaitable[None]], policy: str) -> None:
    async with open_place(_script()) as (place, model):
        configuration = {
            **daemon.opencode_configuration(place, model.url),
            "sessions": {"resume_interrupted": policy},
        }
        async with alive(place, model, configuration) as stage:
            session = await stage.session(prompt=COCO)
            await session.turn_over(1, FIRST)
            await in_a_stream(stage, session)
            await stage.prompt(session, RECALL)
            await end(stage)
        async with alive(place, model, configuration) as stage:
            again = await stage.client.subscribe(session.session_id)
            await again.turn_over(3, FIRST)
            assert again.said(3) == "I have looked: it is done."
            await again.turn_over(4, FIRST)
            assert again.said(4) == f"The first thing you told me was: {COCO}"
            check(again)


def _ran(work: Path) -> int:
    """How often the tool did its work."""
    file = work / "ran"
    return len(file.read_text().splitlines()) if file.exists() else 0
