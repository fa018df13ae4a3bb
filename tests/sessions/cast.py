"""Agents that keep to what an agent may do, whatever a generated script tells them, and that see when we do not."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import attrs
import trio

from jelmored.config.settings import MidTurn
from jelmored.domain.events import DeltaKind, Draft, EventType, Said, ToolResult, ToolUse, TurnReason, UsageNote
from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.ids import ItemId, PromptId, ProviderName, RequestId, SessionId, ToolUseId
from jelmored.domain.models import ProviderCapabilities
from jelmored.domain.permissions import HARMLESS, Answer, PermissionRequest, ToolKind
from jelmored.domain.prompts import Prompt
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import (
    Asked,
    BaseProvider,
    BaseSession,
    Delta,
    ItemVoided,
    Probe,
    RunEvent,
    RunFacts,
    SessionConfig,
    Taken,
    TakenBack,
    TurnBegan,
    TurnOver,
    Withdrawn,
)

STARTS: dict[str, Exception | float] = {
    "at once": 0,
    "after 5 s": 5,
    "never": 1000,
    "logged out": SessionError(ErrorKind.AUTH_REQUIRED, "not logged in", remedy="log in"),
    "not installed": SessionError(ErrorKind.NOT_INSTALLED, "no such program"),
    "overloaded": SessionError(ErrorKind.OVERLOADED, "529"),
    "no network": SessionError(ErrorKind.NETWORK, "no route to host"),
    "crash": SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9"),
    "wrong model": SessionError(ErrorKind.MODEL_NOT_SUPPORTED, "no such model"),
    "nonsense": ExceptionGroup("of a plug-in", [ValueError("?"), KeyError("?")]),
    "native lost": SessionError(ErrorKind.AGENT_CRASHED, "its record is gone", evidence={"native_lost": True}),
}
MOST = 300  # runs in one script
USAGE = UsageNote(
    model="actor", input_tokens=10, output_tokens=5, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0.01
)
WORDS = re.compile(r"words-\d+;")
"""What a prompt of a script says: no two say the same."""
CUT = "was cut off"
NO_REFUSAL = {ErrorKind.NETWORK, ErrorKind.CONTEXT_TOO_LONG}
"""The network comes back, and the conversation may get shorter: then a provider is asked again."""


@attrs.define
class Memory:
    """An agent's own session: the prompts that it knows."""

    native_id: str
    known: set[str] = attrs.field(factory=set)


class Company:
    """All agents of all providers, and what they have seen of us that must not be."""

    def __init__(self, mid_turn: MidTurn) -> None:
        self.mid_turn = mid_turn
        self.online = True
        self.actors: list[Actor] = []
        self.given: defaultdict[SessionId, list[str]] = defaultdict(list)
        """What any agent was told as a prompt, of a session."""
        self.spoilt: set[PromptId] = set()
        """Prompts under which more than reading was done: given again only to somebody who is told of it."""
        self.refused: set[tuple[PromptId, int, ProviderName]] = set()
        self.turn_of: Callable[[SessionId], int]
        self.faults: list[str] = []
        self.unknown: list[tuple[SessionId, str, str]] = []
        """What an agent was not told of. It need not know what has never become durable."""
        self._alive: Counter[SessionId] = Counter()

    @property
    def on_stage(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.ready]

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    @contextmanager
    def counted(self, session_id: SessionId) -> Iterator[None]:
        """At most one agent works for a session at any time, of whatever provider."""
        self._alive[session_id] += 1
        self.expect(self._alive[session_id] == 1, "two agents for one session")
        try:
            yield
        finally:
            self._alive[session_id] -= 1

    def judge(self, actor: Actor, prompt: Prompt) -> None:
        """Is it right that this agent is given this prompt now?"""
        session_id, told = actor.config.session_id, set(WORDS.findall(prompt.text))
        words = WORDS.findall(prompt.text)[-1]
        key = (prompt.prompt_id, self.turn_of(session_id), actor.provider)
        self.expect(key not in self.refused, f"{actor.provider} has refused in this turn and is asked again")
        if prompt.prompt_id in self.spoilt:
            self.expect(CUT in prompt.text, "a prompt was given again after it had effects")
            self.expect(self.mid_turn is not MidTurn.STOP, "a turn was to stop, and went on")
        missing = set(self.given[session_id]) - actor.memory.known - told
        self.unknown += [
            (session_id, one, f"{actor.provider} gets {words} and knows nothing of {one}") for one in missing
        ]
        actor.memory.known |= told
        self.given[session_id].append(words)


class Actor(BaseSession):
    """One run. A line of the script that an agent could not speak now does nothing."""

    def __init__(self, config: SessionConfig, cast: Cast) -> None:
        self.config = config
        self.provider = cast.name
        self.memory: Memory
        self.ready = False
        self.deaf = False
        """It answers no interrupt."""
        self.clings = False
        """It does not end when it is told to."""
        self._cast = cast
        self._company = cast.company
        self._number = len(cast.company.actors)
        self._count = 0
        self._turns: list[Literal["prompt", "agent"]] = []  # the first one runs
        self._given: PromptId | None = None
        self._steers: list[Prompt] = []
        self._texts: dict[ItemId, str] = {}
        self._tools: list[ToolUseId] = []
        self._requests: list[RequestId] = []
        self._end: Exception | None = None
        self._over = trio.Event()
        self._events: trio.MemorySendChannel[Sequence[RunEvent]]

    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with self._company.counted(self.config.session_id):
            await self._cast.wait_start(self.config)
            self.memory = self._cast.remember(self.config, f"{self.provider}-{self._number}")
            self._events, self.ready = events, True
            try:
                task_status.started(RunFacts(native_id=self.memory.native_id, model="actor"))
                await self._over.wait()
            finally:
                self.ready = False
        if self._end is not None:
            raise self._end

    async def prompt(self, prompt: Prompt) -> None:
        self._company.judge(self, prompt)
        self._company.expect("prompt" not in self._turns, "a prompt was given in the turn of another")
        self._given = prompt.prompt_id
        self._turns.append("prompt")
        await self._tell(RunFacts(used=True))

    async def steer(self, prompt: Prompt) -> None:
        self._steers.append(prompt)
        await self._go_on()

    async def interrupt(self) -> None:
        if not self.deaf:
            await self._stop()

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        if request_id in self._requests:
            self._requests.remove(request_id)
        if answer.interrupt and not self.deaf:
            await self._stop()

    async def close(self) -> None:
        if not self.clings:
            await self._stop()
            self._over.set()

    async def _stop(self) -> None:
        steers, self._steers = self._steers, []
        await self._tell(*(TakenBack(prompt.prompt_id) for prompt in steers))
        while self._turns:
            await self.finish(TurnReason.INTERRUPTED)

    # The script

    async def begin(self) -> None:
        """A turn that nobody prompted."""
        if not self._turns:
            self._turns.append("agent")
            self._given = None
            await self._tell(TurnBegan())

    async def finish(self, reason: TurnReason = TurnReason.COMPLETED, failure: Failure | None = None) -> None:
        if not self._turns:
            return
        origin = self._turns.pop(0)
        if failure is not None and failure.cls not in (RunClass.REQUEST, RunClass.CRASH):
            self._refuse(failure)
        self._texts.clear()
        self._tools.clear()
        usage = USAGE if reason is TurnReason.COMPLETED else None
        await self._tell(TurnOver(reason=reason, failure=failure, usage=usage, origin=origin))
        await self._go_on()

    def _refuse(self, failure: Failure) -> None:
        if self._given is not None and failure.kind not in NO_REFUSAL:
            company = self._company
            company.refused.add((self._given, company.turn_of(self.config.session_id), self.provider))

    async def _go_on(self) -> None:
        """What came too late to steer is the next turn."""
        if self._steers and not self._turns:
            steers, self._steers = self._steers, []
            self._turns.append("agent")
            self._given = steers[0].prompt_id
            self._read(*steers)
            await self._tell(TurnBegan(tuple(prompt.prompt_id for prompt in steers)))

    async def take(self) -> None:
        """Read the next message that is to steer."""
        if self._steers and self._turns:
            steer = self._steers.pop(0)
            self._read(steer)
            await self._tell(Taken(steer.prompt_id))

    def _read(self, *prompts: Prompt) -> None:
        for prompt in prompts:
            self.memory.known.update(WORDS.findall(prompt.text))

    async def stream(self, text: str, new: bool) -> None:
        if not self._turns:
            return
        if new or not self._texts:
            self._texts[ItemId(self._new("item"))] = ""
        item_id = next(reversed(self._texts))
        self._texts[item_id] += text
        await self._tell(Delta(item_id=item_id, kind=DeltaKind.TEXT, text=text))

    async def end_text(self, void: bool) -> None:
        if self._texts:
            item_id, text = self._texts.popitem()
            said = Draft(EventType.ASSISTANT, text, Said(item_id=item_id))
            await self._tell(ItemVoided(item_id=item_id, reason="over again") if void else said)

    async def use_tool(self, kind: ToolKind) -> None:
        if not self._turns:
            return
        tool = ToolUseId(self._new("tool"))
        self._tools.append(tool)
        if kind not in HARMLESS and self._given is not None:
            self._company.spoilt.add(self._given)
        await self._tell(Draft(EventType.TOOL_USE, "tool", ToolUse(tool_use_id=tool, name="Tool", kind=kind, input={})))

    async def end_tool(self) -> None:
        if self._tools:
            result = ToolResult(tool_use_id=self._tools.pop(), is_error=False)
            await self._tell(Draft(EventType.TOOL_RESULT, "done", result))

    async def ask(self, kind: ToolKind) -> None:
        request_id = RequestId(self._new("request"))
        self._requests.append(request_id)
        await self._tell(
            Asked(PermissionRequest(request_id=request_id, tool_name="Tool", kind=kind, title="may I?", input={}))
        )

    async def withdraw(self) -> None:
        if self._requests:
            await self._tell(Withdrawn(self._requests.pop()))

    async def wind_down(self) -> None:
        """Bring to an end all that it has in hand."""
        self.deaf = self.clings = False
        while self._requests:
            await self.withdraw()
        await self.learn(RunFacts(background_tasks=()))
        await self.take()
        await self.finish()

    async def learn(self, facts: RunFacts) -> None:
        await self._tell(facts)

    async def misbehave(self, deaf: bool, clings: bool) -> None:
        self.deaf, self.clings = deaf, clings

    async def end(self, error: Exception | None) -> None:
        """Without having been told to."""
        self._end = error
        self._over.set()

    async def _tell(self, *events: RunEvent) -> None:
        if self.ready:
            await self._events.send(events)

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._number}-{self._count}"


class Cast(BaseProvider):
    """One provider: of all runs at it, of all sessions."""

    remote = True

    def __init__(self, name: str, company: Company) -> None:
        self.name = ProviderName(name)
        self.company = company
        self.starts = "at once"
        self._memories: dict[str, Memory] = {}

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities(resume=True, steer=self.name != "third", fork=True)

    async def probe(self) -> Probe:
        return Probe(version="1")

    async def reachable(self) -> bool | None:
        return self.company.online

    def open(self, config: SessionConfig) -> Actor:
        if len(self.company.actors) > MOST:
            self.starts = "logged out"
            self.company.expect(False, "agents are started without end")
        actor = Actor(config, self)
        self.company.actors.append(actor)
        return actor

    async def wait_start(self, config: SessionConfig) -> None:
        start = STARTS[self.starts]
        if self.starts == "native lost":
            self._memories.pop(config.native_id or "", None)
        if isinstance(start, Exception):
            raise start
        await trio.sleep(start)

    def remember(self, config: SessionConfig, fresh: str) -> Memory:
        """The agent's own session that it is to resume, a fork of one, or a new one."""
        if (kept := self._memories.get(config.native_id or "")) is not None:
            return kept
        origin = self._memories.get(config.origin.native_id) if config.origin else None
        memory = self._memories[fresh] = Memory(fresh, set(origin.known) if origin else set())
        return memory
