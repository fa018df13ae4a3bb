"""The puppet keeps what `BaseProvider` and `BaseSession` promise, and does what the test that holds it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from jelmored.actors.running import open_plain_nursery
from jelmored.domain.events import DeltaKind, Draft, EventType, Said, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ConnectionId, ItemId, PromptId, ProviderName, RequestId, SessionId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import BaseSession, Delta, RunEvent, RunFacts, SessionConfig, TurnOver
from jelmored.testing.puppet import PuppetProvider, PuppetSession

CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")
ME = Author(connection_id=ConnectionId("con_1"), client="test")
PROMPT = Prompt(prompt_id=PromptId("prm_1"), blocks=(TextBlock(text="hello"),), by=ME)
INTERRUPTED = TurnOver(reason=TurnReason.INTERRUPTED)


@attrs.define
class Scene:
    puppet: PuppetSession
    facts: RunFacts
    heard: trio.MemoryReceiveChannel[Sequence[RunEvent]]
    over: trio.Event = attrs.field(factory=trio.Event)

    def told(self) -> list[Sequence[RunEvent]]:
        """The lists that have come since."""
        lists: list[Sequence[RunEvent]] = []
        while True:
            try:
                lists.append(self.heard.receive_nowait())
            except trio.WouldBlock:
                return lists

    async def wait_ended(self) -> None:
        with trio.fail_after(1):
            await self.over.wait()


@asynccontextmanager
async def started(provider: PuppetProvider | None = None) -> AsyncIterator[Scene]:
    """A run as supervision holds one; cancelled when the body is over."""
    send, heard = trio.open_memory_channel[Sequence[RunEvent]](10)
    puppet = (provider or PuppetProvider()).open(CONFIG)

    async def live(*, task_status: trio.TaskStatus[RunFacts]) -> None:
        await puppet.run(send, task_status=task_status)
        scene.over.set()

    async with open_plain_nursery() as nursery:
        with send, heard:
            scene = Scene(puppet, RunFacts(), heard)
            scene.facts = await nursery.start(live)
            yield scene
            nursery.cancel_scope.cancel()


async def test_to_open_starts_nothing_and_hands_it_over() -> None:
    provider = PuppetProvider("mine")
    session: BaseSession = provider.open(CONFIG)
    puppet = await provider.opened()
    assert puppet is session
    assert (puppet.config, puppet.alive, provider.name) == (CONFIG, False, ProviderName("mine"))


async def test_started_it_says_what_it_was_told_to_say() -> None:
    provider = PuppetProvider()
    provider.facts = RunFacts(native_id="n7")
    async with started(provider) as s:
        assert s.facts == RunFacts(native_id="n7")
        assert s.puppet.alive
    assert not s.puppet.alive, "cancelled, it leaves nothing"


async def test_one_that_can_not_be_started_raises() -> None:
    provider = PuppetProvider()
    provider.facts = SessionError(ErrorKind.AUTH_REQUIRED, "not logged in")
    with pytest.raises(SessionError) as raised:
        async with started(provider):
            pass
    assert raised.value is provider.facts
    assert not (await provider.opened()).alive


async def test_a_prompt_begins_a_turn_that_only_the_test_ends() -> None:
    async with started() as s:
        await s.puppet.prompt(PROMPT)
        assert await s.puppet.heard() == PROMPT
        assert (s.puppet.prompts, s.puppet.in_turn, s.told()) == ([PROMPT], True, [])
        await s.puppet.finish()
        [[over]] = s.told()
        assert isinstance(over, TurnOver)
        assert over.usage is not None
        assert (over.reason, over.usage.input_tokens, s.puppet.in_turn) == (TurnReason.COMPLETED, 10, False)


async def test_a_failed_turn_says_why() -> None:
    failure = Failure(kind=ErrorKind.NETWORK, message="refused")
    async with started() as s:
        await s.puppet.finish(TurnReason.FAILED, failure)
        [[over]] = s.told()
        assert isinstance(over, TurnOver)
        assert (over.reason, over.failure) == (TurnReason.FAILED, failure)


async def test_what_it_says_streams_and_is_closed_by_the_same_item() -> None:
    async with started() as s:
        await s.puppet.say("hello", item="i1")
        assert s.told() == [
            [Delta(item_id=ItemId("i1"), kind=DeltaKind.TEXT, text="hello")],
            [Draft(EventType.ASSISTANT, "hello", Said(item_id=ItemId("i1")))],
        ]


async def test_an_interrupt_ends_the_turn_and_without_one_nothing() -> None:
    async with started() as s:
        await s.puppet.interrupt()
        assert s.told() == []
        await s.puppet.prompt(PROMPT)
        await s.puppet.interrupt()
        assert s.told() == [[INTERRUPTED]]
        assert (s.puppet.interrupts, s.puppet.in_turn) == (2, False)


async def test_a_deaf_one_answers_no_interrupt() -> None:
    async with started() as s:
        s.puppet.deaf = True
        await s.puppet.prompt(PROMPT)
        await s.puppet.interrupt()
        assert (s.told(), s.puppet.interrupts, s.puppet.in_turn) == ([], 1, True)


async def test_an_answer_is_kept_by_its_request() -> None:
    answer = Answer(verdict=Verdict.ALLOW)
    async with started() as s:
        await s.puppet.answer(RequestId("r1"), answer)
        assert await s.puppet.heard_answer() == answer
        assert s.puppet.answers == {RequestId("r1"): answer}


@pytest.mark.parametrize("in_turn", [True, False])
async def test_told_to_end_it_ends_its_turn_first(autojump_clock: trio.testing.MockClock, in_turn: bool) -> None:
    async with started() as s:
        if in_turn:
            await s.puppet.prompt(PROMPT)
        await s.puppet.close()
        await s.wait_ended()
        assert s.told() == ([[INTERRUPTED]] if in_turn else [])
        assert (s.puppet.closed, s.puppet.alive) == (True, False)


async def test_one_that_clings_does_not_end(autojump_clock: trio.testing.MockClock) -> None:
    async with started() as s:
        s.puppet.clings = True
        await s.puppet.close()
        await trio.sleep(100)
        assert (s.puppet.closed, s.puppet.alive, s.over.is_set()) == (True, True, False)


async def test_it_leaves_unasked_without_an_error(autojump_clock: trio.testing.MockClock) -> None:
    async with started() as s:
        s.puppet.leave()
        await s.wait_ended()
        assert (s.puppet.closed, s.puppet.alive) == (False, False)


async def test_it_crashes_as_it_is_told_to(autojump_clock: trio.testing.MockClock) -> None:
    crash = SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9")
    provider = PuppetProvider()

    async def be_crashed() -> None:
        async with started(provider) as s:
            s.puppet.crash(crash)
            await trio.sleep_forever()

    with pytest.raises(SessionError) as raised:
        await be_crashed()
    assert raised.value is crash
    assert not (await provider.opened()).alive


async def test_who_waits_for_what_does_not_come_is_told(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(trio.TooSlowError):
        await PuppetProvider().opened()
    async with started() as s:
        for wait in (s.puppet.heard, s.puppet.heard_answer):
            with pytest.raises(trio.TooSlowError):
                await wait()
    assert trio.current_time() == 15


async def test_a_probe_is_what_the_test_says() -> None:
    provider = PuppetProvider()
    assert [model.name for model in (await provider.probe()).models] == ["puppet-1"]
    assert provider.capabilities.resume
