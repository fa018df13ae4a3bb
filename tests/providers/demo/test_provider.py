"""The demo as the daemon runs it: the real child process, through claude's session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from jelmored.config.providers import DemoSettings
from jelmored.domain.events import Draft, EventType, TurnReason
from jelmored.domain.ids import ConnectionId, PromptId, ProviderName, new_instance_id, new_session_id
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.errors import ErrorKind, ModelNotSupportedError, ProviderError
from jelmored.providers.base import Asked, BaseSession, Delta, RunEvent, RunFacts, SessionConfig, TurnOver
from jelmored.providers.demo.provider import DemoProvider

SECONDS = 20


@attrs.define
class Running:
    session: BaseSession
    facts: RunFacts
    events: trio.MemoryReceiveChannel[Sequence[RunEvent]]

    async def turn(self, text: str, answer: Answer) -> list[RunEvent]:
        """All that is heard of a turn; whatever is asked gets the answer."""
        author = Author(connection_id=ConnectionId("con_1"), client="test")
        await self.session.prompt(Prompt(prompt_id=PromptId("prm_1"), blocks=(TextBlock(text=text),), by=author))
        heard: list[RunEvent] = []
        with trio.fail_after(SECONDS):
            while not any(isinstance(event, TurnOver) for event in heard):
                for event in await self.events.receive():
                    heard.append(event)
                    if isinstance(event, Asked):
                        await self.session.answer(event.request.request_id, answer)
        return heard


@asynccontextmanager
async def _running(provider: DemoProvider, config: SessionConfig) -> AsyncIterator[Running]:
    session = provider.open(config)
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
    with send, receive:
        async with trio.open_nursery() as nursery:
            facts = await nursery.start(session.run, send)
            yield Running(session, facts, receive)
            await session.close()


@pytest.fixture
def provider(tmp_path: Path) -> DemoProvider:
    name = ProviderName("demo")
    return DemoProvider(
        name, DemoSettings(), instance_id=new_instance_id(), transcripts=tmp_path / "transcripts", pace=0
    )


@pytest.fixture
def config(tmp_path: Path) -> SessionConfig:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notes.txt").touch()
    return SessionConfig(session_id=new_session_id(), cwd=str(tmp_path / "work"))


def _drafts(events: Sequence[RunEvent], kind: EventType) -> list[str]:
    return [event.content for event in events if isinstance(event, Draft) and event.event_type is kind]


async def test_a_turn_from_thought_to_usage(provider: DemoProvider, config: SessionConfig) -> None:
    async with _running(provider, config) as running:
        heard = await running.turn("hello there", Answer(verdict=Verdict.ALLOW))

    assert len(_drafts(heard, EventType.THINKING)) == 1
    assert _drafts(heard, EventType.TOOL_RESULT) == ["notes.txt"]
    said = _drafts(heard, EventType.ASSISTANT)
    assert "no model is behind me" in said[0]
    streamed = "".join(event.text for event in heard if isinstance(event, Delta) and event.kind == "text")
    assert streamed == "".join(said)
    [over] = [event for event in heard if isinstance(event, TurnOver)]
    assert over.reason is TurnReason.COMPLETED
    assert over.usage is not None
    assert over.usage.input_tokens == 2
    assert over.usage.cost_usd == 0


async def test_no_means_no(provider: DemoProvider, config: SessionConfig) -> None:
    async with _running(provider, config) as running:
        heard = await running.turn("hello", Answer(verdict=Verdict.DENY, message="not here"))

    assert _drafts(heard, EventType.TOOL_RESULT) == ["not here"]


async def test_it_remembers_when_it_is_resumed(provider: DemoProvider, config: SessionConfig) -> None:
    async with _running(provider, config) as running:
        await running.turn("my dog is called Rex", Answer(verdict=Verdict.ALLOW))
    resumed = attrs.evolve(config, native_id=running.facts.native_id)
    async with _running(provider, resumed) as running:
        heard = await running.turn("what did I say first?", Answer(verdict=Verdict.ALLOW))

    assert "my dog is called Rex" in _drafts(heard, EventType.ASSISTANT)[0]


async def test_what_was_never_begun_cannot_be_resumed(provider: DemoProvider, config: SessionConfig) -> None:
    lost = attrs.evolve(config, native_id="0b1e6a9e-0000-4000-8000-000000000000")
    session = provider.open(lost)
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
    with send, receive, trio.fail_after(SECONDS), pytest.raises(ProviderError) as caught:
        await session.run(send)

    assert caught.value.kind is ErrorKind.STATE_INVALID


async def test_it_is_always_well_and_says_that_it_is_a_demo(provider: DemoProvider) -> None:
    probe = await provider.probe()

    assert probe.failure is None
    assert probe.version is not None
    assert "demo" in probe.version
    assert [model.name for model in probe.models] == ["demo"]


def test_it_has_no_other_model(provider: DemoProvider, config: SessionConfig) -> None:
    with pytest.raises(ModelNotSupportedError):
        provider.open(attrs.evolve(config, model="opus"))
