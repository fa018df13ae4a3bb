"""A run of the real claude without a daemon: `ClaudeSession` as its supervisor drives it, and a scripted model.

async with open_run(Script(when("hello", says("Hello!")))) as run:
    await run.turn("hello")
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio

from jelmored.config import catalogue
from jelmored.config.providers import ClaudeSettings
from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import ConnectionId, InstanceId, PromptId, ProviderName, SessionId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.providers.base import Asked, RunEvent, RunFacts, SessionConfig, TurnOver
from jelmored.providers.claude.provider import ClaudeProvider
from jelmored.providers.claude.session import ClaudeSession
from jelmored.providers.claude.unwrapping import provider_errors_bare

from . import agents
from .model_server import ModelServer, serving
from .script import Script

ME = Author(connection_id=ConnectionId("con_1"), client="test")
SECONDS = 20.0
T = TypeVar("T")

_numbers = itertools.count(1)


def prompt(text: str, **more: Any) -> Prompt:
    """A prompt with an id of its own."""
    return Prompt(prompt_id=PromptId(f"prm_{next(_numbers)}"), blocks=(TextBlock(text=text),), by=ME, **more)


@attrs.define(eq=False)
class ClaudeRun:
    """One run, and all that was heard of it."""

    provider: ClaudeProvider
    session: ClaudeSession
    model: ModelServer
    facts: RunFacts
    lists: trio.MemoryReceiveChannel[Sequence[RunEvent]]
    events: list[RunEvent] = attrs.field(factory=list)
    _seen: int = 0

    async def until(self, kind: type[T], where: Callable[[T], bool] = lambda _: True) -> T:
        """The next event of this kind that was not waited for before."""
        with trio.fail_after(SECONDS):
            while True:
                for event in self.events[self._seen :]:
                    self._seen += 1
                    if isinstance(event, kind) and where(event):
                        return event
                self.events.extend(await self.lists.receive())

    async def turn(self, text: str) -> TurnOver:
        await self.session.prompt(prompt(text))
        return await self.until(TurnOver)

    async def asked(self, verdict: Verdict | None = None, **answer: Any) -> Asked:
        """The next question; it is answered if there is a verdict."""
        asked = await self.until(Asked)
        if verdict is not None:
            await self.session.answer(asked.request.request_id, Answer(verdict=verdict, **answer))
        return asked

    def drafts(self, kind: EventType) -> list[Draft]:
        return [event for event in self.events if isinstance(event, Draft) and event.event_type is kind]

    def said(self) -> list[str]:
        return [draft.content for draft in self.drafts(EventType.ASSISTANT)]

    def system(self, subtype: str) -> list[System]:
        found = [draft.metadata for draft in self.drafts(EventType.SYSTEM)]
        return [data for data in found if isinstance(data, System) and data.subtype == subtype]

    def told(self, field: str) -> list[Any]:
        """What the agent said of itself under this name."""
        facts = [self.facts, *(event for event in self.events if isinstance(event, RunFacts))]
        return [value for event in facts if (value := getattr(event, field)) is not None]

    def results(self) -> list[str]:
        """What the model was told of its tools, as texts."""
        return [str(result["content"]) for result in self.model.calls[-1].conversation.tool_results]


def provider(home: Path, model_url: str, **settings: Any) -> ClaudeProvider:
    environment = {**agents.environment(home, model_url), **settings.pop("environment", {})}
    chosen = ClaudeSettings(claude_bin=str(agents.claude()), environment=environment, **settings)
    models = catalogue.load([catalogue.shipped()])
    return ClaudeProvider(ProviderName("claude"), chosen, instance_id=InstanceId("ins_test"), catalogue=models)


@contextmanager
def new_home() -> Iterator[Path]:
    """A home and, in it, a directory `work`; both outlive their runs."""
    home = Path(tempfile.mkdtemp(prefix="jr-")).resolve()
    (home / "work").mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def running(
    home: Path, model: ModelServer, settings: Mapping[str, Any] | None = None, /, **config: Any
) -> AsyncIterator[ClaudeRun]:
    """A run in this home; it is closed at the end and must return by itself."""
    source = provider(home, model.url, **(settings or {}))
    chosen = SessionConfig(**{"session_id": SessionId("ses_test"), "cwd": str(home / "work"), **config})
    session = source.open(chosen)
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](1000)
    with provider_errors_bare():
        async with trio.open_nursery() as nursery:
            with trio.fail_after(SECONDS):
                facts = await nursery.start(session.run, send)
            yield ClaudeRun(source, session, model, facts, receive)
            await session.close()


@asynccontextmanager
async def open_run(
    script: Script, settings: Mapping[str, Any] | None = None, /, **config: Any
) -> AsyncIterator[ClaudeRun]:
    """A run in a home of its own."""
    with new_home() as home:
        async with serving(script) as model, running(home, model, settings, **config) as run:
            yield run
