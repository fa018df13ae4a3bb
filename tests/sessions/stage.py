"""A directory of sessions over puppets and a journal in memory, and what a subscriber of it sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import orjson
import trio

from jelmored.actors.running import running_in_order
from jelmored.config.settings import FailoverSettings, ResumeInterrupted
from jelmored.domain.budget import Budget
from jelmored.domain.commands import CreateSession, SendPrompt, WhenBusy
from jelmored.domain.ids import ConnectionId, ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Author
from jelmored.domain.ranking import Policy
from jelmored.domain.sessions import SessionView
from jelmored.journal.base import Journal
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import BaseProvider, RunTimeouts
from jelmored.sessions.agent.router import Router
from jelmored.sessions.directory import Directory
from jelmored.sessions.hub import Feed, Frame, Hub, Subscriber
from jelmored.sessions.registrar import Defaults
from jelmored.sessions.turn.purse import Purse
from jelmored.sessions.world import Wishes, World
from jelmored.supervision.provider import ProviderSpec
from jelmored.supervision.providers import Providers
from jelmored.supervision.terms import Terms
from jelmored.testing.puppet import PuppetProvider

ME = Author(connection_id=ConnectionId("con_test"), client="test")
PUPPET = ProviderName("puppet")
T = TypeVar("T")


class Watcher:
    """A subscriber that keeps all it gets, as messages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._more = trio.Event()

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        self.messages.extend(orjson.loads(frame.payload) for frame in frames)
        self._more.set()
        self._more = trio.Event()

    def notify(self, payload: bytes) -> None:
        self.messages.append(orjson.loads(payload))

    def opened(self, feed: Feed) -> None:
        feed.subscribers.add(self)

    def closed(self, feed: Feed, payload: bytes) -> None:
        self.notify(payload)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message["params"] for message in self.messages if message["method"] == "session/event"]

    @property
    def types(self) -> list[str]:
        return [event["eventType"] for event in self.events]

    async def wait_for(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """The count-th event of this type, once it is there."""
        with trio.fail_after(60):
            while self.types.count(event_type) < count:
                await self._more.wait()
        return [event for event in self.events if event["eventType"] == event_type][count - 1]

    async def wait_status(self, status: str) -> None:
        with trio.fail_after(60):
            while not any(e["eventType"] == "status_change" and e["metadata"]["to"] == status for e in self.events):
                await self._more.wait()


@attrs.frozen
class Stage:
    directory: Directory
    provider: PuppetProvider
    journal: Journal
    watcher: Watcher

    async def create(self, prompt: str | None = None, **more: Any) -> SessionId:
        session: SessionView = await self.directory.create(CreateSession(cwd="/", prompt=prompt, **more), ME)
        return session.session_id

    async def prompt(self, session_id: SessionId, text: str, **more: Any) -> Any:
        return await self.directory.prompt(SendPrompt(session_id=session_id, prompt=text, **more), ME)

    async def prompt_when_busy(self, session_id: SessionId, text: str, when: str) -> Any:
        return await self.prompt(session_id, text, when_busy=WhenBusy(when))


@asynccontextmanager
async def house(
    journal: Journal,
    provider: BaseProvider,
    watcher: Subscriber,
    *,
    max_runs: int = 4,
    hibernate_after: float = 0,
    timeouts: RunTimeouts | None = None,
    mode: PermissionMode = PermissionMode.ASK,
    others: Sequence[BaseProvider] = (),
    failover: FailoverSettings | None = None,
    budget: Budget | None = None,
    resume: ResumeInterrupted = ResumeInterrupted.PLANNED,
    terms: Terms | None = None,
    meet: Callable[[Providers], None] = lambda providers: None,
) -> AsyncIterator[Directory]:
    """Everything between the journal and the door, started and stopped as the daemon does.

    Args:
        others: providers beside the first one, which is the default.
        meet: is shown all of them.
    """
    specs = [
        ProviderSpec(
            provider=one,
            type="puppet",
            enabled=True,
            named=True,
            max_runs=max_runs,
            timeouts=timeouts or RunTimeouts(),
            hibernate_after=hibernate_after,
        )
        for one in (provider, *others)
    ]
    terms = terms or Terms(beside=at_once)
    providers = Providers(
        specs,
        max_total_runs=50,
        changed=lambda view: None,
        policy=Policy(default="puppet"),
        grant=terms.granted,
    )
    meet(providers)
    router = Router(providers, failover or FailoverSettings())
    world = World(
        journal=journal,
        providers=providers,
        hub=Hub(),
        router=router,
        purse=Purse(budget),
        wishes=Wishes(resume=resume),
        terms=terms,
    )
    modes = {spec.provider.name: mode for spec in specs}
    directory = Directory(world, Defaults(permission_modes=modes))
    world.hub.watch(watcher)
    async with running_in_order([journal.run, directory.hub.run, directory.run, providers.run, directory.begin_turns]):
        yield directory


async def at_once(look: Callable[[], T], about: str) -> T:
    """Without a thread: while one works, an autojump clock runs away."""
    await trio.lowlevel.checkpoint()
    return look()


@asynccontextmanager
async def stage(
    *, journal: Journal | None = None, provider: PuppetProvider | None = None, **more: Any
) -> AsyncIterator[Stage]:
    """A house of puppets. `more`: as for `house`."""
    kept, puppets, watcher = journal or MemoryJournal(), provider or PuppetProvider(), Watcher()
    async with house(kept, puppets, watcher, **more) as directory:
        yield Stage(directory, puppets, kept, watcher)
