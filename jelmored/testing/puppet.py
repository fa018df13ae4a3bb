"""A provider whose agents are puppets: a test pulls the strings, everything above is real."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence

import trio

from jelmored.domain.events import DeltaKind, Draft, EventType, Said, TurnReason, UsageNote
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, ProviderName, RequestId
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.providers.base import (
    BaseProvider,
    BaseSession,
    Delta,
    PastSession,
    PastTurn,
    Probe,
    RunEvent,
    RunFacts,
    SessionChange,
    SessionConfig,
    TurnOver,
)

WAIT = 5.0  # seconds that a test waits for what must come
ROOM = 1024  # prompts, answers and runs that a test has not asked for yet


class PuppetSession(BaseSession):
    """A run in a test's hands. What it was told is in `prompts`, `steers`, `changes`, `stopped_tasks`, `interrupts`,
    `answers`, `closed`; `alive` and `in_turn` say how it is.

    Args:
        config: as the run was opened.
        start: called when it starts; may raise.
    """

    def __init__(self, config: SessionConfig, start: Callable[[], RunFacts]) -> None:
        self.config = config
        self.alive = False
        self.in_turn = False
        self.prompts: list[Prompt] = []
        self.steers: list[Prompt] = []
        self.changes: list[SessionChange] = []
        self.stopped_tasks: list[str] = []
        self.interrupts = 0
        self.answers: dict[RequestId, Answer] = {}
        self.closed = False
        self.deaf = False
        """It answers no interrupt."""
        self.clings = False
        """It does not end when it is told to."""
        self.mark: str | None = None
        """What its own record looks like when it has ended."""
        self._start = start
        self._told, self._prompts = trio.open_memory_channel[Prompt](ROOM)
        self._steered, self._steers = trio.open_memory_channel[Prompt](ROOM)
        self._answered, self._answers = trio.open_memory_channel[Answer](ROOM)
        self._over = trio.Event()
        self._failure: Exception | None = None
        self._events: trio.MemorySendChannel[Sequence[RunEvent]]

    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self._events, self.alive = events, True
        try:
            task_status.started(self._start())
            await self._over.wait()
        finally:
            self.alive = False
        if self._failure is not None:
            raise self._failure

    async def prompt(self, prompt: Prompt) -> None:
        self.in_turn = True
        self.prompts.append(prompt)
        await self._told.send(prompt)

    async def steer(self, prompt: Prompt) -> None:
        self.steers.append(prompt)
        await self._steered.send(prompt)

    async def change(self, change: SessionChange) -> None:
        self.changes.append(change)

    async def stop_task(self, task_id: str) -> None:
        self.stopped_tasks.append(task_id)

    async def interrupt(self) -> None:
        self.interrupts += 1
        if self.in_turn and not self.deaf:
            await self.tell(TurnOver(reason=TurnReason.INTERRUPTED))

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        self.answers[request_id] = answer
        await self._answered.send(answer)

    async def close(self) -> None:
        self.closed = True
        if self.in_turn:
            await self.tell(TurnOver(reason=TurnReason.INTERRUPTED))
        if self.mark is not None:
            await self.tell(RunFacts(mark=self.mark))
        if not self.clings:
            self._over.set()

    # A test's side

    async def heard(self) -> Prompt:
        """The next prompt that it was given."""
        with trio.fail_after(WAIT):
            return await self._prompts.receive()

    async def heard_steer(self) -> Prompt:
        """The next message that is to steer it."""
        with trio.fail_after(WAIT):
            return await self._steers.receive()

    async def heard_answer(self) -> Answer:
        """The next answer to what it asked."""
        with trio.fail_after(WAIT):
            return await self._answers.receive()

    async def tell(self, *events: RunEvent) -> None:
        """Send these as one list."""
        if any(isinstance(event, TurnOver) for event in events):
            self.in_turn = False
        await self._events.send(list(events))

    async def say(self, text: str, *, item: str = "item-1") -> None:
        """Stream a text and close its item."""
        item_id = ItemId(item)
        await self.tell(Delta(item_id=item_id, kind=DeltaKind.TEXT, text=text))
        await self.tell(Draft(EventType.ASSISTANT, text, Said(item_id=item_id)))

    async def finish(self, reason: TurnReason = TurnReason.COMPLETED, failure: Failure | None = None) -> None:
        """End the turn, with a little usage."""
        usage = UsageNote(
            model="puppet", input_tokens=10, output_tokens=5, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0.01
        )
        await self.tell(TurnOver(reason=reason, failure=failure, usage=usage))

    def crash(self, error: Exception) -> None:
        """End the run by this."""
        self._failure = error
        self._over.set()

    def leave(self) -> None:
        """End the run without having been asked to, and without an error."""
        self._over.set()


class PuppetProvider(BaseProvider):
    """Opens puppets. `facts`: what they say of themselves when they start; an error there is raised. `past`: what they
    have said without us, by conversation."""

    def __init__(self, name: str = "puppet") -> None:
        self.name = ProviderName(name)
        self.facts: RunFacts | Exception = RunFacts(native_id="native-1", used=True, model="puppet-1")
        self.past: dict[PastSession, Sequence[PastTurn]] = {}
        self.probed = Probe(version="1.0", models=(_MODEL,))
        self.records: dict[str, bytes] = {}
        """What its agents keep of a session, by its `native_id`; there they find it."""
        self.carries = True
        """It gives such a record out, and takes one."""
        self.memory: Collection[str] | None = None
        """The ids that its agents will know when they resume; None: it can't be told."""
        self._opened, self._sessions = trio.open_memory_channel[PuppetSession](ROOM)

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities(resume=True, steer=True, questions=True, compact=True, fork=True, mcp_servers=True)

    async def probe(self) -> Probe:
        return self.probed

    async def pack(self, config: SessionConfig) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self.records.get(config.native_id or "") if self.carries else None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        await trio.lowlevel.checkpoint()
        if not self.carries or config.native_id is None:
            return False
        there = self.records.get(config.native_id, b"")
        if record.startswith(there):
            self.records[config.native_id] = there = record
        return there.startswith(record)

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        await trio.lowlevel.checkpoint()
        return self.memory

    async def past_sessions(self, cwd: str | None = None) -> Sequence[PastSession]:
        return [one for one in self.past if cwd in (None, one.cwd)]

    async def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        told = after is None
        for turn in next((turns for one, turns in self.past.items() if one.native_id == past.native_id), ()):
            if told:
                yield turn
            told = told or turn.mark == after

    def open(self, config: SessionConfig) -> PuppetSession:
        session = PuppetSession(config, self._begin)
        self._opened.send_nowait(session)
        return session

    def _begin(self) -> RunFacts:
        if isinstance(self.facts, Exception):
            raise self.facts
        return self.facts

    async def opened(self) -> PuppetSession:
        """The next run that was opened."""
        with trio.fail_after(WAIT):
            return await self._sessions.receive()


_MODEL = ModelInfo(
    name="puppet-1", provider=ProviderName("puppet"), context_length=1000, capabilities=(), equivalents=()
)
