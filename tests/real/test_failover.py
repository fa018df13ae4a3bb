"""A conversation goes on at another provider, with all that was said and done, whatever befalls the first: real claude
to real claude, with another account."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest
import trio

from tests.eventually import eventually
from tests.invariants import check
from tests.watch import Json, Watch

from . import processes
from .conversation import Conversation
from .failover import (
    ANSWER,
    APPEND,
    CARRY_ON,
    HASTY,
    LOG,
    MADE,
    PATIENCE,
    SECONDS,
    SECRET,
    STEADY,
    TELL,
    TROUBLES,
    Trouble,
    arrived,
    cross,
    crossings,
    first_script,
    next_script,
    two_turns,
    under_way,
)
from .model_server import Call
from .pair import FIRST, SECOND, Agent, Pair, binary_of, open_house, open_pair
from .processes import Process
from .script import Script, fails, says, when
from .scripts import LONG

BUSY = 4  # times what is promised, which the report shows: here other tests run beside

pytestmark = pytest.mark.real

CLAUDE = Agent.CLAUDE
SLOW = says(LONG, pieces=400, pace=0.05)
BACK = "Back again."


def told_last(calls: Sequence[Call]) -> str:
    """What the human said last, with the handoff before it."""
    messages = calls[-1].body["messages"]
    last = [message for message in messages if message["role"] == "user"][-1]
    return "\n".join(Conversation([last]).human)


def lines(pair: Pair) -> int:
    return len((pair.place.work / LOG).read_text().splitlines())


# Whatever its endpoint does

QUICK = {("529", False), ("429 inside a 200 stream", True)}


def _matrix() -> list[object]:
    """Each trouble, before the first tool and after one; most of them only in the long trials."""
    return [
        pytest.param(
            trouble,
            after,
            id=f"{trouble.name}, {'after a tool' if after else 'at once'}",
            marks=() if (trouble.name, after) in QUICK else pytest.mark.soak,
        )
        for trouble in TROUBLES
        for after in (False, True)
    ]


@pytest.mark.parametrize(("trouble", "after_a_tool"), _matrix())
async def test_it_goes_on_at_the_other_account(trouble: Trouble, after_a_tool: bool) -> None:
    passage = await cross(trouble, after_a_tool=after_a_tool)
    assert passage.failover["from"] == FIRST
    assert passage.failover["to"] == SECOND
    assert passage.failover["cause"] == trouble.cause
    assert passage.seconds <= BUSY * SECONDS
    assert passage.ran_twice == 0
    assert SECRET in passage.told
    assert MADE in passage.told
    assert ("was cut off" in passage.told) == after_a_tool


async def test_opencode_goes_on_for_claude() -> None:
    trouble = next(trouble for trouble in TROUBLES if trouble.name == "500")
    passage = await cross(trouble, (CLAUDE, Agent.OPENCODE), after_a_tool=True)
    assert passage.failover["cause"] == "unavailable"
    assert passage.seconds <= BUSY * SECONDS
    assert passage.ran_twice == 0


# Its agent

SLEEP = "sleep 977"


async def _kill(agent: Process) -> None:
    os.kill(agent.pid, signal.SIGKILL)
    await processes.until_gone(agent, 2)


def _agent(pair: Pair) -> Process | None:
    """The first provider's."""
    program = str(binary_of(pair.place, FIRST))
    return next((one for one in pair.place.left() if one.command.startswith(program)), None)


async def kill_agent(pair: Pair) -> None:
    agent = await eventually(lambda: _agent(pair), 20)
    assert agent is not None
    await _kill(agent)


async def test_killed_in_a_tool_the_same_account_goes_on_and_is_told_what_was_done() -> None:
    long_tool = CLAUDE.shell(f"{APPEND}; {SLEEP}")
    script = first_script(CLAUDE, long_tool, lambda told: says(ANSWER if APPEND in "\n".join(told.human) else "Who?"))
    async with open_pair(script, next_script(CLAUDE), first=STEADY) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        await under_way(pair, session, after_a_tool=True)
        await kill_agent(pair)
        await arrived(session)
        assert crossings(session) == []
        assert "was cut off" in told_last(pair.model.calls)
        assert lines(pair) == 1


@pytest.mark.soak
async def test_killed_again_and_again_it_is_left() -> None:
    script = first_script(CLAUDE, SLOW)
    async with open_pair(script, next_script(CLAUDE), first=STEADY) as pair:
        session = await two_turns(pair)
        await trio.sleep(1)  # it writes its record a little after it has spoken
        await pair.prompt(session, CARRY_ON)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_kill_every, pair)
            await session.event("failover", turn=3, seconds=PATIENCE)
            nursery.cancel_scope.cancel()
        await arrived(session)
        assert crossings(session) == [(FIRST, SECOND, "agent-crashed")]
        assert lines(pair) == 1


async def _kill_every(pair: Pair) -> None:
    while True:
        await kill_agent(pair)
        await trio.sleep(0.3)


async def test_its_binary_vanishes_between_turns() -> None:
    async with open_pair(first_script(CLAUDE), next_script(CLAUDE), first=STEADY) as pair:
        session = await two_turns(pair)
        binary = binary_of(pair.place, FIRST)
        await kill_agent(pair)
        binary.unlink()
        await pair.prompt(session, CARRY_ON)
        await arrived(session)
        assert crossings(session) == [(FIRST, SECOND, "not-installed")]
        view = await pair.provider(FIRST)
        assert view["health"] == "unhealthy"
        assert view["remedy"]


# Nobody can


async def test_all_are_down_and_it_says_why() -> None:
    async with open_pair(first_script(CLAUDE, fails(500)), Script(when("", fails(401))), first=HASTY) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        ended = await session.turn_over(3, PATIENCE)
        assert ended["metadata"]["reason"] == "failed"
        assert [error["metadata"]["kind"] for error in session.of_turn(3, "error")][-1] == "auth-required"
        assert crossings(session) == [(FIRST, SECOND, "unavailable")]
        check(session)


@pytest.mark.soak
async def test_all_are_down_and_a_prompt_that_may_wait_is_done_later() -> None:
    async with open_pair(
        first_script(CLAUDE, fails(500)), Script(when("", fails(500))), first=HASTY, second=STEADY
    ) as pair:
        session = await two_turns(pair)
        receipt = await pair.prompt(session, CARRY_ON, whenUnavailable="wait")
        ended = await session.turn_over(3, PATIENCE)
        assert ended["metadata"]["reason"] == "failed"
        waiting = await pair.client.request("session/queue", sessionId=session.session_id)
        assert [prompt["promptId"] for prompt in waiting["prompts"]] == [receipt["promptId"]]
        pair.second.model.script = next_script(CLAUDE)
        await arrived(session, 4)
        started = await session.event("turn_started", turn=4)
        assert started["metadata"]["promptId"] == receipt["promptId"]
        assert lines(pair) == 1


@pytest.mark.soak
@pytest.mark.parametrize("after_a_tool", [False, True])
async def test_without_a_network_it_waits_and_goes_on_when_it_is_back(after_a_tool: bool) -> None:
    tool = (CLAUDE.shell(f"{APPEND}; sleep 1"),) if after_a_tool else ()
    script = first_script(CLAUDE, *tool, SLOW)
    async with open_pair(script, next_script(CLAUDE), first=HASTY, second=STEADY) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        await under_way(pair, session, after_a_tool=after_a_tool)
        await pair.second.go_away()
        await pair.first.go_away()
        await session.event("system", turn=3, subtype="offline", seconds=PATIENCE)
        there = (await pair.get(session))["provider"]
        await trio.sleep(3)
        assert (await pair.get(session))["provider"] == there
        assert len(crossings(session)) <= 1, "none knows at the first failure that the network is gone for all"
        pair.first.model.script = pair.second.model.script
        await pair.first.come_back()
        await pair.second.come_back()
        await arrived(session)
        assert len(crossings(session)) <= 1
        assert lines(pair) == 1


# How much is told


async def test_a_small_window_is_told_less_and_that_it_is_less() -> None:
    long_prompt = "note this " + "and this " * 6_000
    script = Script(
        when("the secret is", says("Noted.")),
        when("look", CLAUDE.shell("seq 400"), says("Looked.")),
        when("note", says("Noted.")),
        when("carry on", fails(500)),
    )
    async with open_pair(script, next_script(CLAUDE), first=HASTY, second={"default_model": "haiku"}) as pair:
        session = await pair.session(prompt=TELL, permissionMode="allow-all")
        await session.turn_over(1, PATIENCE)
        for prompt in ("look", *[long_prompt] * 4):
            await pair.turn(session, prompt)
        await pair.prompt(session, CARRY_ON)
        await session.turn_over(7, PATIENCE)
        carried = (await session.event("failover", turn=7))["metadata"]["carried"]
        assert carried["truncated"] is True
        assert carried["characters"] <= 200_000, "a third of 200,000 tokens, of 3 characters each"
        told = told_last(pair.second.model.calls[:1])
        assert SECRET in told
        assert "left out" in told
        check(session)


# Several at once


async def test_three_sessions_move_at_once() -> None:
    script = first_script(CLAUDE, fails(500))
    async with open_pair(script, next_script(CLAUDE), first=HASTY, second=STEADY) as pair:
        sessions = [await pair.session(prompt=TELL, permissionMode="allow-all") for _ in range(3)]
        for session in sessions:
            await session.turn_over(1, PATIENCE)
        for session in sessions:
            await pair.prompt(session, f"{MADE} is there; carry on")
        for session in sessions:
            await arrived(session, 2)
            assert crossings(session) == [(FIRST, SECOND, "unavailable")]
        assert lines(pair) == 3


# The way back, and by hand


async def test_on_the_way_back_it_is_told_only_what_it_missed() -> None:
    script = first_script(CLAUDE, fails(500))
    async with open_pair(
        script, next_script(CLAUDE), first=HASTY, second=STEADY, failover={"return": "next_turn"}
    ) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        await arrived(session)
        pair.model.script = Script(when("", says(BACK)))
        await pair.prompt(session, "are you there?")
        await session.turn_over(4, PATIENCE)
        assert session.said(4) == BACK
        assert crossings(session) == [(FIRST, SECOND, "unavailable"), (SECOND, FIRST, "returned")]
        told = told_last(pair.model.calls)
        assert "what you missed" in told
        assert APPEND in told
        assert TELL not in told
        assert any(TELL in text for text in pair.model.calls[-1].conversation.human), "it has that itself"
        check(session)


async def test_a_client_looks_first_and_then_moves_it() -> None:
    async with open_pair(first_script(CLAUDE), next_script(CLAUDE), first=STEADY) as pair:
        session = await two_turns(pair)
        before = len(session.events)
        looked: Json = await pair.move(session, provider=SECOND, dryRun=True)
        assert SECRET in str(looked)
        assert len(session.events) == before
        await pair.move(session, provider=SECOND)
        await pair.turn(session, CARRY_ON)
        assert session.said(3) == ANSWER
        assert crossings(session) == [(FIRST, SECOND, "moved")]
        assert lines(pair) == 1
        check(session)


# Others


async def test_an_interrupt_on_the_way_ends_the_turn_and_the_next_prompt_is_done() -> None:
    script = first_script(CLAUDE, fails(500))
    async with open_pair(script, next_script(CLAUDE), first=HASTY, second=STEADY) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        await session.event("failover", turn=3, seconds=PATIENCE)
        await pair.client.request("session/interrupt", sessionId=session.session_id)
        ended = await session.turn_over(3, PATIENCE)
        assert ended["metadata"]["reason"] == "interrupted"
        await pair.turn(session, CARRY_ON)
        assert session.said(4) == ANSWER
        assert (await pair.get(session))["provider"] == SECOND
        check(session)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [0, 0.05, 0.3, 1.0])
async def test_the_daemon_is_killed_on_the_way(seconds: float) -> None:
    script = first_script(CLAUDE, CLAUDE.shell(APPEND), fails(500))
    async with open_house(script, next_script(CLAUDE)) as house:
        async with house.alive(first=HASTY, second=STEADY) as pair:
            session = await two_turns(pair)
            await pair.prompt(session, CARRY_ON)
            await eventually((house.place.work / LOG).exists, 20)
            await session.event("error", turn=3, kind="unavailable")
            await trio.sleep(0.5 + seconds)
            known = dict(session.frames)
            await pair.daemon.kill()
        async with house.alive(first=HASTY, second=STEADY) as pair:
            again: Watch = await pair.client.subscribe(session.session_id)
            await again.caught_up()
            assert {seq: again.frames[seq] for seq in known} == known
            await again.event("turn_ended", turn=3)
            await pair.prompt(again, CARRY_ON)
            await again.turn_over(4, PATIENCE)
            assert again.said(4) == ANSWER
            assert lines(pair) == 1
            check(again)


async def test_there_and_back_between_claude_and_opencode() -> None:
    """Each fails in its turn. Whoever the conversation comes back to knows its own part, and is told what it missed."""
    one = Script(
        when("the secret is", says("Noted.")),
        when("make the file", Agent.CLAUDE.shell(f"echo made > {MADE}"), says("Made it.")),
        when("carry on", fails(529)),
        when("come back", says("Here I am again.")),
    )
    other = Script(when("carry on", says(f"The secret is {SECRET}; {MADE} is known.")), when("come back", fails(401)))
    async with open_pair(one, other, (Agent.CLAUDE, Agent.OPENCODE), first=STEADY, second=STEADY) as pair:
        session = await two_turns(pair)
        await pair.turn(session, CARRY_ON)
        assert session.said(3).endswith("is known.")
        told = "\n".join(pair.second.model.calls[0].conversation.human)
        assert SECRET in told
        assert MADE in told

        await pair.turn(session, "come back")
        assert session.said(4) == "Here I am again."
        assert crossings(session) == [(FIRST, SECOND, "overloaded"), (SECOND, FIRST, "auth-required")]
        last = "\n".join(pair.first.model.calls[-1].conversation.human[-2:])
        assert "what you missed" in last
        assert f"ASSISTANT: The secret is {SECRET}" in last
        assert f"USER: {TELL}" not in last, "that it knows"
        check(session)
