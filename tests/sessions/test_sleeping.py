"""A thousand conversations on a handful of agents: those that rest sleep, and know everything when they wake."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from jelmored.domain.commands import CreateSession, SendPrompt
from jelmored.domain.events import Draft, EventType, Said, TurnReason
from jelmored.domain.ids import ItemId, ProviderName, RequestId, SessionId
from jelmored.domain.models import ProviderCapabilities
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import BackgroundTask
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import BaseProvider, BaseSession, Probe, RunEvent, RunFacts, SessionConfig, TurnOver
from jelmored.sessions.hub import Feed, Frame

from .stage import ME, Watcher, house

RUNS = 8
BUSY = "busy in the background"


class Crowd(BaseProvider):
    """Agents that remember what they were told first, by their own sessions, and count how many they are."""

    def __init__(self) -> None:
        self.name = ProviderName("puppet")
        self.memory: dict[str, str] = {}
        self.alive: set[One] = set()
        self.most = 0

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities(resume=True)

    async def probe(self) -> Probe:
        return Probe(version="1")

    def open(self, config: SessionConfig) -> One:
        return One(config, self)


class One(BaseSession):
    """An agent at work."""

    def __init__(self, config: SessionConfig, crowd: Crowd) -> None:
        self._crowd = crowd
        self.native = config.native_id or f"native of {config.session_id}"
        self._over = trio.Event()
        self._events: trio.MemorySendChannel[Sequence[RunEvent]]

    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self._events = events
        self._crowd.alive.add(self)
        self._crowd.most = max(self._crowd.most, len(self._crowd.alive))
        try:
            task_status.started(RunFacts(native_id=self.native))
            await self._over.wait()
        finally:
            self._crowd.alive.discard(self)

    async def prompt(self, prompt: Prompt) -> None:
        first = self._crowd.memory.setdefault(self.native, prompt.text)
        tasks = (BackgroundTask(task_id="t", title="a task"),) if prompt.text == BUSY else ()
        said = Draft(EventType.ASSISTANT, f"first you said: {first}", Said(item_id=ItemId(f"item-{prompt.prompt_id}")))
        await self._events.send([
            RunFacts(used=True, background_tasks=tasks),
            said,
            TurnOver(reason=TurnReason.COMPLETED),
        ])

    async def interrupt(self) -> None:
        pass

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        pass

    async def close(self) -> None:
        self._over.set()


async def test_many_sessions_on_a_handful_of_agents(autojump_clock: trio.testing.MockClock) -> None:
    await crowd_together(200)


async def crowd_together(many: int) -> None:
    """So many sessions, each prompted twice. It takes a clock that jumps by itself."""
    crowd, watcher = Crowd(), Ends()
    async with house(MemoryJournal(), crowd, watcher, max_runs=RUNS, hibernate_after=900) as directory:
        busy = (await directory.create(CreateSession(cwd="/", prompt=BUSY), ME)).session_id
        await watcher.wait_ended(1)
        sessions: list[SessionId] = []
        for number in range(many):
            made = await directory.create(CreateSession(cwd="/", prompt=f"I am number {number}"), ME)
            sessions.append(made.session_id)
        await watcher.wait_ended(many + 1)
        assert crowd.most == RUNS
        assert directory.get(busy).attached, "never with background tasks alive"
        for session_id in sessions:
            await directory.prompt(SendPrompt(session_id=session_id, prompt="who am I?"), ME)
        await watcher.wait_ended(2 * many + 1)
        assert crowd.most == RUNS
        assert directory.get(busy).attached
        said = [event for event in watcher.events if event["eventType"] == "assistant" and event["turn"] == 2]
        told = {event["sessionId"]: event["content"] for event in said}
        assert told == {
            session_id: f"first you said: I am number {number}" for number, session_id in enumerate(sessions)
        }
        await trio.sleep(1000)
        assert [one.native for one in crowd.alive] == [f"native of {busy}"], "idle ones sleep after a while"


class Ends(Watcher):
    """Knows how many turns have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = 0
        self._another = trio.Event()

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        super().push(feed, frames)
        for message in self.messages[-len(frames) :]:
            self.ended += message["params"].get("eventType") == "turn_ended"
        self._another.set()
        self._another = trio.Event()

    async def wait_ended(self, number: int) -> None:
        with trio.fail_after(10_000):
            while self.ended < number:
                await self._another.wait()
        reasons = {event["metadata"]["reason"] for event in self.events if event["eventType"] == "turn_ended"}
        assert reasons == {"completed"}, [e["content"] for e in self.events if e["eventType"] == "error"][:3]
