"""A conversation goes on in two ways from any of its messages, and neither knows of the other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.invariants import check
from tests.watch import Json, Watch

from .conversation import Conversation
from .script import Line, Script, says, uses, when
from .stage import Stage, alive, open_place, open_stage

pytestmark = pytest.mark.real


def _recites(conversation: Conversation) -> Line:
    """All that the human and his tools have said; only a conversation that is really there can know it."""
    results = [str(result["content"]) for result in conversation.tool_results]
    return says(" / ".join((*conversation.human[:-1], *results, conversation.human[-1])))


def _script() -> Script:
    return Script(
        when("what do you know", _recites),
        when("count", uses("Bash", command="echo 42"), says("Counted.")),
        when("make a file", uses("Bash", command="touch made"), says("Made it.")),
        when("", says("Noted.")),
    )


async def _two_turns(stage: Stage) -> Watch:
    session = await stage.session(prompt="my parrot is called Coco")
    await session.turn_over(1)
    await stage.turn(session, "my cat is called Tom")
    return session


async def _fork(stage: Stage, source: Watch, at: Json | None = None, **params: Any) -> Watch:
    """A fork, at this event of the source if one is named, watched from its first event."""
    asked = params if at is None else {"atSeq": at["seq"], **params}
    made = await stage.client.request("session/fork", sessionId=source.session_id, **asked)
    return await stage.client.subscribe(made["sessionId"])


async def _knows(stage: Stage, session: Watch) -> list[str]:
    """What its agent remembers of what it was told, without this question."""
    ended = await stage.turn(session, "what do you know?")
    assert ended["metadata"]["reason"] == "completed", ended
    return session.said(ended["turn"]).split(" / ")[:-1]


def _last(session: Watch, turn: int) -> Json:
    """What its agent said last in a turn."""
    return session.of_turn(turn, "assistant")[-1]


async def test_a_fork_knows_what_was_said_before_and_not_what_came_after() -> None:
    async with open_stage(_script()) as stage:
        source = await _two_turns(stage)
        fork = await _fork(stage, source, _last(source, 1))
        assert await _knows(stage, fork) == ["my parrot is called Coco"]
        await stage.turn(fork, "my dog is called Rex")
        assert await _knows(stage, source) == ["my parrot is called Coco", "my cat is called Tom"]
        assert (await _knows(stage, fork))[-1] == "my dog is called Rex"
        assert "my cat is called Tom" not in await _knows(stage, fork)
        for session in (source, fork):
            check(session)


async def test_a_fork_at_the_end_knows_all_and_goes_its_own_way() -> None:
    async with open_stage(_script()) as stage:
        source = await _two_turns(stage)
        fork = await _fork(stage, source)
        await stage.turn(source, "only for the source")
        assert await _knows(stage, fork) == ["my parrot is called Coco", "my cat is called Tom"]
        assert "only for the source" in await _knows(stage, source)
        check(fork)


async def test_a_fork_of_a_fork_at_a_message_that_was_copied() -> None:
    async with open_stage(_script()) as stage:
        source = await _two_turns(stage)
        fork = await _fork(stage, source)
        silent = await _fork(stage, fork, _last(source, 1))  # of one that has not spoken yet
        assert await _knows(stage, silent) == ["my parrot is called Coco"]
        await stage.turn(fork, "my dog is called Rex")
        again = await _fork(stage, fork, _last(source, 1))
        assert await _knows(stage, again) == ["my parrot is called Coco"]


async def test_a_fork_in_a_turn_leaves_the_tool_that_is_asked_for_behind() -> None:
    async with open_stage(_script()) as stage:
        source = await stage.session(prompt="my parrot is called Coco")
        await source.turn_over(1)
        await stage.prompt(source, "make a file")
        await source.event("approval_requested", turn=2)
        fork = await _fork(stage, source)
        assert await _knows(stage, fork) == ["my parrot is called Coco"]
        assert not (stage.place.work / "made").exists()
        await stage.resolve(source, "allow_once")
        await source.turn_over(2)
        assert (stage.place.work / "made").exists()
        for session in (source, fork):
            check(session)


async def test_a_fork_behind_a_tool_knows_what_it_told() -> None:
    async with open_stage(_script()) as stage:
        source = await stage.session(prompt="count", permissionMode="allow-all")
        await source.turn_over(1)
        (result,) = source.of_turn(1, "tool_result")
        fork = await _fork(stage, source, result)
        assert await _knows(stage, fork) == ["count", "42"]
        check(fork)


async def test_a_fork_begins_where_it_should_also_after_a_restart_and_without_its_source() -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            source = await _two_turns(stage)
            fork = await _fork(stage, source, _last(source, 1), permissionMode="plan")
            await stage.client.request("session/close", sessionId=source.session_id)
            await stage.client.request("session/delete", sessionId=source.session_id)
        async with alive(place, model) as stage:
            again = await stage.client.subscribe(fork.session_id)
            assert await _knows(stage, again) == ["my parrot is called Coco"]
            assert [event["seq"] for event in again.events] == list(range(1, len(again.events) + 1))
            check(again)


async def test_a_fork_before_a_clear_remembers_and_one_behind_it_does_not() -> None:
    async with open_stage(_script()) as stage:
        source = await _two_turns(stage)
        await stage.turn(source, "/clear")
        cleared = await source.event("system", turn=3, subtype="cleared")
        await stage.turn(source, "my dog is called Rex")
        before = await _fork(stage, source, _last(source, 2))
        assert await _knows(stage, before) == ["my parrot is called Coco", "my cat is called Tom"]
        empty = await _fork(stage, source, cleared)
        assert await _knows(stage, empty) == []
        behind = await _fork(stage, source, _last(source, 4))
        assert (await _knows(stage, behind))[-1] == "my dog is called Rex"
        assert "my cat is called Tom" not in await _knows(stage, behind)
        for session in (source, before, empty, behind):
            check(session)
