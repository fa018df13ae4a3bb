"""What the agent knows after it was killed, in a turn or right behind its end: all that was said, and nothing twice."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio

from tests.invariants import check
from tests.watch import Watch

from . import daemon, processes
from .conversation import Conversation
from .model_server import ModelServer
from .script import Script, says, uses, when
from .scripts import LONG
from .stage import Stage, alive, open_place

pytestmark = pytest.mark.real

SLEEP = "sleep 969"
NEXT = "and what now?"
LEFT_SECONDS = 2.0
MOST = 1.5  # seconds from the moment that is meant to the kill
SEED = int(os.environ.get("KILL_SEED", "20261127"))


def _script(shell: str = "Bash", **described: str) -> Script:
    return Script(
        when(NEXT, says("I know all of it.")),
        when("wait", uses(shell, command=f"echo ran >> ran; {SLEEP}", **described), says("Waited.")),
        when("talk", says(LONG, pieces=400, pace=0.02)),
        when("", says("Noted.")),
    )


@attrs.frozen
class Case:
    """`turns` are said, and the last of them comes as far as `reach` waits for."""

    turns: tuple[str, ...]
    reach: Callable[[Stage, Watch, int], Awaitable[object]]

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(turn.split()[-1] for turn in self.turns)


async def _at_once(stage: Stage, session: Watch, turn: int) -> None:
    """It has only just been prompted."""


async def _streaming(stage: Stage, session: Watch, turn: int) -> None:
    await session.delta(turn=turn, count=5)


async def _in_a_tool(stage: Stage, session: Watch, turn: int) -> None:
    await processes.until_running(stage.place.marker, SLEEP)


async def _ended(stage: Stage, session: Watch, turn: int) -> None:
    await session.event("turn_ended", turn=turn)


CASES = {
    "prompted": Case(("talk secret-1",), _at_once),
    "first stream": Case(("talk secret-1",), _streaming),
    "first tool": Case(("wait secret-1",), _in_a_tool),
    "first end": Case(("secret-1",), _ended),
    "second tool": Case(("secret-1", "wait secret-2"), _in_a_tool),
    "third stream": Case(("secret-1", "secret-2", "talk secret-3"), _streaming),
    "third end": Case(("secret-1", "secret-2", "secret-3"), _ended),
}
"""Where the daemon is killed."""
FAST = ("first end", "second tool")
FAST_AT_OPENCODE = ("prompted",)


def _trials() -> list[object]:
    chance = random.Random(SEED)
    trials: list[object] = [pytest.param(name, 0.0, id=f"{name} at once") for name in FAST]
    for name in CASES:
        for number in range(5):
            seconds = chance.uniform(0, MOST)
            trials.append(pytest.param(name, seconds, id=f"{name} {number}", marks=pytest.mark.soak))
    return trials


@pytest.mark.parametrize(("name", "seconds"), _trials())
async def test_the_daemon_is_killed(name: str, seconds: float) -> None:
    case = CASES[name]
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session = await _until_the_moment(stage, case)
            await trio.sleep(seconds)
            family = stage.daemon.family()
            await stage.daemon.kill()
            await place.until_empty(family, LEFT_SECONDS)
        async with alive(place, model) as stage:
            again = await stage.client.subscribe(session.session_id)
            await again.turn_over(len(case.turns))
            await _knows_all(stage, again, case)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST_AT_OPENCODE else pytest.mark.soak) for name in CASES]
)
async def test_the_daemon_and_opencode_are_killed(name: str) -> None:
    case = CASES[name]
    async with open_place(_script("bash", description="waits")) as (place, model):
        configuration = daemon.opencode_configuration(place, model.url)
        async with alive(place, model, configuration) as stage:
            session = await _until_the_moment(stage, case)
            family = stage.daemon.family()
            await stage.daemon.kill()
            await place.until_empty(family, LEFT_SECONDS)
        async with alive(place, model, configuration) as stage:
            again = await stage.client.subscribe(session.session_id)
            await again.turn_over(len(case.turns))
            await _knows_all(stage, again, case)


@pytest.mark.parametrize(
    ("name", "seconds"), [("first end", 0.0), pytest.param("third end", 0.0, marks=pytest.mark.soak)]
)
async def test_the_agent_is_killed_right_behind_a_turn(name: str, seconds: float) -> None:
    case = CASES[name]
    async with open_place(_script()) as (place, model), alive(place, model) as stage:
        session = await _until_the_moment(stage, case)
        agent = await stage.agent()
        os.kill(agent.pid, signal.SIGKILL)
        await processes.until_gone(agent, LEFT_SECONDS)
        await _knows_all(stage, session, case)


async def _until_the_moment(stage: Stage, case: Case) -> Watch:
    session = await stage.session(permissionMode="allow-all")
    for number, turn in enumerate(case.turns, 1):
        await stage.prompt(session, turn)
        if number < len(case.turns):
            await session.turn_over(number)
    await case.reach(stage, session, len(case.turns))
    return session


async def _knows_all(stage: Stage, session: Watch, case: Case) -> None:
    """By what the model is given with the next prompt."""
    ended = await stage.turn(session, NEXT)
    assert ended["metadata"]["reason"] == "completed"
    conversation = _asked(stage.model)
    told = _words(conversation)
    for secret in case.secrets:
        assert told.count(secret) == 1, f"{secret} is there {told.count(secret)} times: {told}"
    done = [e for e in session.events if e["turn"] != ended["turn"]]
    said = Counter(e["content"] for e in done if e["eventType"] == "assistant")
    used = Counter(e["metadata"]["input"]["command"] for e in done if e["eventType"] == "tool_use")
    for words, times in (said + used).items():
        assert told.count(words) == times, f"{words} is there {told.count(words)} times: {told}"
    check(session)


def _asked(model: ModelServer) -> Conversation:
    return next(call.conversation for call in reversed(model.calls) if NEXT in call.conversation.last)


def _words(conversation: Conversation) -> str:
    """All that the model is given, but for the agent's own instructions."""
    blocks = (block for message in conversation.messages for block in _blocks(message["content"]))
    return "\n".join(str(block.get("text") or block.get("input") or block.get("content")) for block in blocks)


def _blocks(content: object) -> list[dict[str, object]]:
    return content if isinstance(content, list) else [{"text": content}]
