"""A run of a real agent without a daemon: a provider's session as its supervisor drives it, and a scripted model."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs
import trio

from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import ConnectionId, PromptId, SessionId
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.providers.base import (
    Asked,
    BaseProvider,
    BaseSession,
    RunEvent,
    RunFacts,
    SessionConfig,
    TurnOver,
)
from jelmored.providers.unwrapping import provider_errors_bare

from .model_server import ModelServer

ME = Author(connection_id=ConnectionId("con_1"), client="test")
SECONDS = 40.0
T = TypeVar("T")
S = TypeVar("S", bound=BaseSession)

_numbers = itertools.count(1)


def prompt(text: str, **more: Any) -> Prompt:
    """A prompt with an id of its own."""
    return Prompt(prompt_id=PromptId(f"prm_{next(_numbers)}"), blocks=(TextBlock(text=text),), by=ME, **more)


@attrs.define(eq=False)
class AgentRun(Generic[S]):
    """One run, and all that was heard of it."""

    provider: BaseProvider
    session: S
    model: ModelServer
    work: Path
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
    source: BaseProvider, home: Path, model: ModelServer, /, **config: Any
) -> AsyncIterator[AgentRun[Any]]:
    """A run in this home; it is closed at the end and must return by itself."""
    chosen = SessionConfig(**{"session_id": SessionId("ses_test"), "cwd": str(home / "work"), **config})
    session = source.open(chosen)
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](1000)
    with provider_errors_bare():
        async with trio.open_nursery() as nursery:
            with trio.fail_after(SECONDS):
                facts = await nursery.start(session.run, send)
            yield AgentRun(source, session, model, home / "work", facts, receive)
            await session.close()
