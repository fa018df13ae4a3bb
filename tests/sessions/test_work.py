"""What steers a turn, and what an agent begins by itself. Plain turns: test_session.py."""

from __future__ import annotations

import attrs
import pytest
import trio

from jelmored.domain.commands import (
    CompactSession,
    Interrupt,
    PromptReceipt,
    ResolveApproval,
)
from jelmored.domain.events import TurnReason
from jelmored.domain.ids import SessionId
from jelmored.providers.base import Asked, Taken, TakenBack, TurnBegan, TurnOver
from jelmored.testing.puppet import PuppetSession
from tests.eventually import eventually

from .stage import ME, Stage, stage
from .test_session import CRASH, bash, used_bash

COMPLETED = TurnOver(reason=TurnReason.COMPLETED)


async def at_work(s: Stage) -> tuple[SessionId, PuppetSession]:
    session_id = await s.create("one")
    run = await s.provider.opened()
    await run.heard()
    return session_id, run


async def steer(s: Stage, session_id: SessionId, text: str) -> PromptReceipt:
    receipt: PromptReceipt = await s.prompt_when_busy(session_id, text, "steer")
    return receipt


def notes(s: Stage, subtype: str) -> list[str]:
    """The prompts that such events are about."""
    found = (event for event in s.watcher.events if event["eventType"] == "system")
    return [event["metadata"]["promptId"] for event in found if event["metadata"]["subtype"] == subtype]


async def test_a_prompt_steers_the_turn_that_runs(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        receipt = await steer(s, session_id, "rather so")
        assert (receipt.disposition, receipt.turn) == ("steered", 1)
        assert (await run.heard_steer()).text == "rather so"
        await run.tell(Taken(receipt.prompt_id))
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        user = [event for event in s.watcher.events if event["eventType"] == "user"][-1]
        assert (user["turn"], user["metadata"]["disposition"]) == (1, "steered")
        assert notes(s, "steered") == [receipt.prompt_id]
        assert s.watcher.types.count("turn_started") == 1


async def test_an_agent_that_still_starts_is_steered_once_it_has_its_prompt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        receipt = await steer(s, session_id, "two")
        assert receipt.disposition == "steered"
        run = await s.provider.opened()
        assert (await run.heard()).text == "one"
        assert (await run.heard_steer()).text == "two"


async def test_what_came_too_late_to_steer_is_a_turn_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late, later = await steer(s, session_id, "late"), await steer(s, session_id, "later")
        queued = await s.prompt(session_id, "last")
        await run.tell(COMPLETED, TurnBegan((late.prompt_id, later.prompt_id)))
        started = await s.watcher.wait_for("turn_started", 2)
        assert (started["turn"], started["metadata"]) == (2, {"origin": "prompt", "promptId": late.prompt_id})
        assert notes(s, "steered") == [later.prompt_id]
        await run.tell(attrs.evolve(COMPLETED, origin="agent"))
        assert (await run.heard()).text == "last", "what waits comes behind it"
        started = await s.watcher.wait_for("turn_started", 3)
        assert started["metadata"]["promptId"] == queued.prompt_id


async def test_between_the_turns_a_new_prompt_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late = await steer(s, session_id, "late")
        await run.tell(COMPLETED)
        await s.watcher.wait_for("turn_ended")
        receipt = await s.prompt(session_id, "next")
        assert receipt.disposition == "queued"
        await run.tell(TurnBegan((late.prompt_id,)))
        await run.finish()
        assert (await run.heard()).text == "next"


@pytest.mark.parametrize(("drop", "then"), [(True, []), (False, ["late"])])
async def test_an_interrupt_takes_back_what_has_not_steered_yet(
    autojump_clock: trio.testing.MockClock, drop: bool, then: list[str]
) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late = await steer(s, session_id, "late")
        await run.heard_steer()
        await s.directory.interrupt(Interrupt(session_id=session_id, drop_queue=drop), ME)
        await run.tell(TakenBack(late.prompt_id))
        await s.watcher.wait_for("turn_ended")
        await eventually(lambda: notes(s, "prompt_dropped") == ([late.prompt_id] if drop else []), 5)
        await eventually(lambda: [prompt.text for prompt in run.prompts] == ["one", *then], 5)


async def test_an_agent_that_dies_between_two_turns_leaves_its_prompts(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await steer(s, session_id, "late")
        await run.tell(COMPLETED)
        await s.watcher.wait_for("turn_ended")
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text == "late"


async def test_after_a_crash_the_turn_has_all_its_prompts_again(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        taken = await steer(s, session_id, "two")
        await steer(s, session_id, "three")
        await run.tell(Taken(taken.prompt_id))
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text == "one"
        assert [(await again.heard_steer()).text, (await again.heard_steer()).text] == ["two", "three"]


async def test_what_steers_again_after_a_crash_is_no_less_kept(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        read = await steer(s, session_id, "two")
        await run.tell(Taken(read.prompt_id))
        run.crash(CRASH)
        again = await s.provider.opened()
        await again.heard_steer()
        await again.tell(COMPLETED, TurnBegan((read.prompt_id,)))
        started = await s.watcher.wait_for("turn_started", 2)
        assert started["metadata"] == {"origin": "prompt", "promptId": read.prompt_id}


async def test_an_answer_that_ends_the_turn_stops_all_of_it(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        _, run = await at_work(s)
        await run.tell(Asked(bash()))
        await s.watcher.wait_for("approval_requested")
        (asked,) = s.directory.approvals()
        no = ResolveApproval(approval_id=asked.approval_id, option_id="reject", interrupt=True)
        await s.directory.resolve(no, ME)
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "user")
        assert (len(run.answers), run.interrupts) == (1, 1)


async def test_after_a_crash_with_effects_what_had_not_steered_is_steered_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await run.tell(used_bash())
        await steer(s, session_id, "late")
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text.endswith("\none")
        assert (await again.heard_steer()).text == "late"


async def test_compacting_is_a_turn_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        asked = CompactSession(session_id=session_id, request_key="k")
        prompt_id = await s.directory.compact(asked, ME)
        await run.finish()
        prompt = await run.heard()
        assert (prompt.prompt_id, prompt.text, prompt.compacts) == (prompt_id, "/compact", True)
        assert await s.directory.compact(asked, ME) == prompt_id
