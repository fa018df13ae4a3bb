"""What every provider has to keep, as tests: for people who write one.

    class TestMine(TurnContract, ToolContract, ResumeContract):
        @pytest.fixture
        def harness(self, tmp_path): return Harness(…)

Choose the classes for what your agent can do. The tests are coroutines for Trio (pytest-trio).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import trio

from jelmored.domain.events import Draft, EventType, Said, TurnReason
from jelmored.domain.ids import ConnectionId, PromptId, SessionId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import (
    Asked,
    BaseProvider,
    BaseSession,
    Delta,
    RunEvent,
    RunFacts,
    SessionConfig,
    Taken,
    TakenBack,
    TurnBegan,
    TurnOver,
)

WAIT = 60.0  # s for anything that must come
INTERRUPT = 5.0  # s from an interrupt to the end of the turn
LEAVE = 2.0  # s until nothing is left of an agent that has ended
LOOKS = 40

_numbers = itertools.count(1)


@attrs.frozen(kw_only=True)
class Harness:
    """An agent whose answers are known beforehand: a scripted model behind the real one, or a scripted agent.

    Args:
        open_provider: a new provider with its `run` held beside it. Those of one harness share what they keep.
        cwd: where its sessions work; it exists.
        hello: a prompt that is answered in text, without a tool.
        tool: a prompt that makes it ask for a tool, once, and then answer in text.
        tool_ran: did that tool do what it was to do?
        long: a prompt whose turn streams text until it is interrupted.
        recall: a prompt that is answered with the words of the first prompt of the session.
        steered: a prompt whose turn uses a tool that is asked for; what is said meanwhile reaches the model after it.
        fails: a prompt whose turn fails.
        failure: the kind of that.
        left: what is alive of the agents, told by name.
        nowhere: an id that no session of it has.
    """

    open_provider: Callable[[], AbstractAsyncContextManager[BaseProvider]]
    cwd: str
    hello: str = "hello"
    tool: str = "tool"
    tool_ran: Callable[[], bool] = bool
    long: str = "long"
    recall: str = "recall"
    steered: str = "steered"
    fails: str = "fails"
    failure: ErrorKind = ErrorKind.AUTH_REQUIRED
    left: Callable[[], Collection[object]] = tuple
    nowhere: str = "00000000-0000-4000-8000-000000000000"


@attrs.define(eq=False)
class Conversation:
    """A run in the hands of a test, and all that it has told."""

    session: BaseSession
    facts: RunFacts
    lists: trio.MemoryReceiveChannel[Sequence[RunEvent]]
    events: list[RunEvent] = attrs.field(factory=list)

    async def say(self, words: str) -> None:
        await self.session.prompt(prompt(words))

    async def until(self, *kinds: type[RunEvent], within: float = WAIT) -> list[RunEvent]:
        """What comes, up to the list with an event of such a kind."""
        heard: list[RunEvent] = []
        with trio.fail_after(within):
            while not any(isinstance(event, kinds) for event in heard):
                heard.extend(await self.lists.receive())
        self.events.extend(heard)
        return heard

    async def turn(self, words: str) -> TurnOver:
        """A whole turn; what is asked in it is allowed."""
        await self.say(words)
        while True:
            heard = await self.until(Asked, TurnOver)
            await self.answer(heard, Answer(verdict=Verdict.ALLOW))
            if (over := last(heard, TurnOver)) is not None:
                return over

    async def answer(self, heard: Sequence[RunEvent], answer: Answer) -> None:
        """The same answer to all that is asked here."""
        for event in heard:
            if isinstance(event, Asked):
                await self.session.answer(event.request.request_id, answer)

    def texts(self, kind: EventType = EventType.ASSISTANT) -> list[str]:
        return [event.content for event in self.events if isinstance(event, Draft) and event.event_type is kind]

    @property
    def native_id(self) -> str | None:
        """The last that the agent told."""
        facts = [self.facts, *(event for event in self.events if isinstance(event, RunFacts))]
        return next((fact.native_id for fact in reversed(facts) if fact.native_id), None)


def prompt(words: str) -> Prompt:
    me = Author(connection_id=ConnectionId("con_contract"), client="contract")
    return Prompt(prompt_id=PromptId(f"prm_{next(_numbers)}"), blocks=(TextBlock(text=words),), by=me)


def last(events: Sequence[RunEvent], kind: type[TurnOver]) -> TurnOver | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


def _config(harness: Harness, native_id: str | None) -> SessionConfig:
    return SessionConfig(session_id=SessionId("ses_contract"), cwd=harness.cwd, native_id=native_id)


async def packed(harness: Harness, native_id: str | None = None, prompt: str | None = None) -> tuple[str, bytes]:
    """The id and the record of a session that was said hello to, or this, once more if there is one."""
    async with conversing(harness, native_id) as run:
        await run.turn(prompt or harness.hello)
        native_id = run.native_id
    assert native_id is not None
    async with harness.open_provider() as provider:
        record = await provider.pack(_config(harness, native_id))
    assert record is not None
    return native_id, record


async def unpacked(harness: Harness, native_id: str, record: bytes) -> bool:
    taken, refused = False, None
    async with harness.open_provider() as provider:
        try:
            taken = await provider.unpack(_config(harness, native_id), record)
        except SessionError as error:
            refused = error
    if refused is not None:
        raise refused  # outside: a nursery of the provider's would wrap it
    return taken


@asynccontextmanager
async def conversing(harness: Harness, native_id: str | None = None) -> AsyncIterator[Conversation]:
    """A provider and a run of it. At the end the run is closed, returns by itself, and leaves nothing."""
    async with harness.open_provider() as provider:
        session = provider.open(_config(harness, native_id))
        send, receive = trio.open_memory_channel[Sequence[RunEvent]](1000)
        with trio.fail_after(10 * WAIT), send, receive:
            async with trio.open_nursery() as nursery:
                facts = await nursery.start(session.run, send)
                yield Conversation(session, facts, receive)
                await session.close()
    await until_nothing_is_left(harness)


async def until_nothing_is_left(harness: Harness) -> None:
    for _ in range(LOOKS):
        if not harness.left():
            return
        await trio.sleep(LEAVE / LOOKS)
    assert not harness.left()


class TurnContract:
    """For every provider."""

    async def test_a_look_at_it_is_no_failure(self, harness: Harness) -> None:
        """One that is only being started may say so at its first look."""
        async with harness.open_provider() as provider:
            probe = await provider.probe()
            if probe.failure is not None and probe.failure.retryable:
                probe = await provider.probe()

            assert probe.failure is None
            assert provider.name
        await until_nothing_is_left(harness)

    async def test_a_turn_says_something_and_ends_once(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            over = await run.turn(harness.hello)

            assert over.reason is TurnReason.COMPLETED
            assert over.failure is None
            assert any(run.texts())
            assert sum(isinstance(event, TurnOver) for event in run.events) == 1

    async def test_what_streams_is_what_is_said(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.turn(harness.hello)

            streamed: dict[str, str] = {}
            for event in run.events:
                if isinstance(event, Delta):
                    streamed[event.item_id] = streamed.get(event.item_id, "") + event.text
            whole = {
                event.metadata.item_id: event.content
                for event in run.events
                if isinstance(event, Draft) and isinstance(event.metadata, Said)
            }
            assert streamed.items() <= whole.items()

    async def test_a_turn_follows_a_turn(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            first, second = await run.turn(harness.hello), await run.turn(harness.hello)

            assert (first.reason, second.reason) == (TurnReason.COMPLETED, TurnReason.COMPLETED)


class ToolContract:
    """For agents that ask before they use a tool."""

    async def test_an_allowed_tool_runs(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            over = await run.turn(harness.tool)

            assert over.reason is TurnReason.COMPLETED
            assert any(isinstance(event, Asked) for event in run.events)
            assert run.texts(EventType.TOOL_USE)
            assert run.texts(EventType.TOOL_RESULT)
            assert harness.tool_ran()

    async def test_a_denied_tool_does_not_run_and_the_turn_goes_on(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.say(harness.tool)
            await run.answer(await run.until(Asked), Answer(verdict=Verdict.DENY, message="not here"))
            heard = await run.until(TurnOver)

            over = last(heard, TurnOver)
            assert over is not None
            assert over.reason is TurnReason.COMPLETED
            assert not harness.tool_ran()


class InterruptContract:
    """For agents whose turns can be interrupted."""

    async def test_an_interrupt_ends_the_turn_in_time(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.say(harness.long)
            await run.until(Delta)
            await run.session.interrupt()
            over = last(await run.until(TurnOver, within=INTERRUPT), TurnOver)

            assert over is not None
            assert over.reason is TurnReason.INTERRUPTED

    async def test_a_run_that_is_closed_in_a_turn_ends_by_itself(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.say(harness.long)
            await run.until(Delta)

    async def test_a_run_that_is_cancelled_leaves_nothing(self, harness: Harness) -> None:
        with trio.CancelScope() as scope:
            async with conversing(harness) as run:
                await run.say(harness.long)
                await run.until(Delta)
                scope.cancel()
                await trio.sleep_forever()
        await until_nothing_is_left(harness)


class ResumeContract:
    """For agents with `ProviderCapabilities.resume`."""

    async def test_a_conversation_goes_on_in_another_run(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.turn(harness.hello)
            native_id = run.native_id
        async with conversing(harness, native_id) as run:
            over = await run.turn(harness.recall)

            assert native_id is not None
            assert over.reason is TurnReason.COMPLETED
            assert harness.hello in " ".join(run.texts())


class RecordContract:
    """For agents whose own record of a session can be carried (`BaseProvider.pack`, `unpack`).

    Beside `harness`, a fixture `elsewhere`: a harness of the same agent that shares nothing with the first one.
    """

    async def test_a_conversation_goes_on_elsewhere(self, harness: Harness, elsewhere: Harness) -> None:
        native_id, record = await packed(harness)
        assert await unpacked(elsewhere, native_id, record)

        async with conversing(elsewhere, native_id) as run:
            over = await run.turn(elsewhere.recall)

            assert over.reason is TurnReason.COMPLETED
            assert harness.hello in " ".join(run.texts())

    async def test_again_it_is_there_already(self, harness: Harness, elsewhere: Harness) -> None:
        native_id, record = await packed(harness)

        assert [await unpacked(elsewhere, native_id, record) for _ in range(2)] == [True, True]

    async def test_a_record_that_has_gone_on_is_added_to_what_was_there(
        self, harness: Harness, elsewhere: Harness
    ) -> None:
        native_id, former = await packed(harness)
        assert await unpacked(elsewhere, native_id, former)

        _, record = await packed(elsewhere, native_id)

        assert [await unpacked(harness, native_id, one) for one in (record, record, former)] == [True] * 3
        _, again = await packed(harness, native_id)
        assert [await unpacked(elsewhere, native_id, one) for one in (again, former)] == [True] * 2

    async def test_another_record_is_not_overwritten(self, harness: Harness, elsewhere: Harness) -> None:
        native_id, former = await packed(harness)
        assert await unpacked(elsewhere, native_id, former)

        _, record = await packed(harness, native_id)
        _, other = await packed(elsewhere, native_id, elsewhere.recall)

        assert not await unpacked(elsewhere, native_id, record)
        assert not await unpacked(harness, native_id, other)
        async with conversing(elsewhere, native_id) as run:
            assert (await run.turn(elsewhere.recall)).reason is TurnReason.COMPLETED

    async def test_what_is_not_there_is_not_packed(self, harness: Harness) -> None:
        async with harness.open_provider() as provider:
            assert await provider.pack(_config(harness, harness.nowhere)) is None

    async def test_a_damaged_record_is_refused(self, harness: Harness, elsewhere: Harness) -> None:
        native_id, record = await packed(harness)
        refused = False
        try:
            await unpacked(elsewhere, native_id, record[: len(record) // 2])
        except SessionError:
            refused = True

        assert refused


class SteerContract:
    """For agents with `ProviderCapabilities.steer`."""

    async def test_a_message_into_the_turn_is_settled_once(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            await run.say(harness.steered)
            asked = await run.until(Asked)
            message = prompt("and be quick")
            await run.session.steer(message)
            await run.answer(asked, Answer(verdict=Verdict.ALLOW))
            await run.until(TurnOver)

            assert len([event for event in run.events if _settles(event, message.prompt_id)]) == 1


class FailureContract:
    """For agents whose model can be made to fail."""

    async def test_a_failure_has_a_kind_and_the_next_turn_works(self, harness: Harness) -> None:
        async with conversing(harness) as run:
            failed = await run.turn(harness.fails)
            over = await run.turn(harness.hello)

            assert failed.reason is TurnReason.FAILED
            assert failed.failure is not None
            assert failed.failure.kind is harness.failure
            assert over.reason is TurnReason.COMPLETED


def _settles(event: RunEvent, prompt_id: PromptId) -> bool:
    match event:
        case Taken(prompt_id=settled) | TakenBack(prompt_id=settled):
            return settled == prompt_id
        case TurnBegan(prompt_ids=begun):
            return prompt_id in begun
    return False
