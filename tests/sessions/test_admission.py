"""How a prompt comes in, as a subscriber sees it."""

from __future__ import annotations

import pytest
import trio

from jelmored.errors import ErrorKind, Refused

from .stage import ME, stage
from .test_session import Slow
from .test_work import at_work, steer


async def test_prompts_wait_in_their_order(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        second = await s.prompt(session_id, "two")
        third = await s.prompt(session_id, "three")
        assert (second.disposition, second.turn) == ("queued", None)
        await s.directory.unqueue(session_id, second.prompt_id, ME)
        await run.finish()
        assert (await run.heard()).text == "three"
        await run.finish()
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["turn"] == 2
        assert third.prompt_id == (await s.watcher.wait_for("turn_started", 2))["metadata"]["promptId"]


async def test_busy_may_be_refused_or_interrupt(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        with pytest.raises(Refused) as refused:
            await s.prompt_when_busy(session_id, "no", "refuse")
        assert refused.value.kind is ErrorKind.BUSY
        await s.prompt_when_busy(session_id, "at once", "interrupt")
        assert (await run.heard()).text == "at once"
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "user")


async def test_the_32_that_wait_are_the_most(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("first")
        await (await s.provider.opened()).heard()
        for number in range(32):
            await s.prompt(session_id, str(number))
        with pytest.raises(Refused) as refused:
            await s.prompt(session_id, "one too many")
        assert refused.value.kind is ErrorKind.QUEUE_FULL


async def test_a_request_key_admits_once(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        first = await s.prompt(session_id, "one", request_key="k")
        assert await s.prompt(session_id, "one", request_key="k") == first
        with pytest.raises(Refused) as refused:
            await s.prompt(session_id, "another", request_key="k")
        assert refused.value.kind is ErrorKind.KEY_REUSED
        assert s.watcher.types.count("user") == 1


async def test_the_same_requestkey_is_answered_when_what_it_admitted_is_durable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Slow()
    async with stage(journal=journal) as s:
        session_id = await s.create()
        journal.slow, begun = True, trio.current_time()
        answered: list[tuple[object, float]] = []

        async def ask() -> None:
            receipt = await s.prompt(session_id, "hello", request_key="k")
            answered.append((receipt, trio.current_time() - begun))

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(ask)
        (first, sooner), (second, later) = answered
        assert first == second
        assert min(sooner, later) >= 1, "and not before"


async def test_without_a_turn_it_begins_one(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        receipt = await steer(s, session_id, "go")
        assert (receipt.disposition, receipt.turn) == ("started", 1)


async def test_a_command_of_the_agent_waits_for_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, _ = await at_work(s)
        assert (await steer(s, session_id, "/clear")).disposition == "queued"
