"""A provider in the daemon's own process that says as much as it is asked to, as fast as it is asked to.

A prompt is how many events, how many characters in each, and the seconds between two: `200 300 0.01`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from jelmored.config.providers import ProviderSettings
from jelmored.domain.events import DeltaKind, Draft, EventType, Said, TurnReason, UsageNote
from jelmored.domain.ids import ItemId, ProviderName, RequestId
from jelmored.domain.models import ProviderCapabilities
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.providers.base import BaseProvider, BaseSession, Delta, Probe, RunEvent, RunFacts, SessionConfig, TurnOver
from jelmored.providers.registry import Around, Kind

TYPE = f"{Path(__file__).resolve()}:KIND"
"""As a configuration names it."""
USAGE = UsageNote(
    model="talker", input_tokens=1, output_tokens=1, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0.0
)


@attrs.frozen(kw_only=True)
class TalkerSettings(ProviderSettings):
    type: str = "talker"


class TalkerSession(BaseSession):
    def __init__(self) -> None:
        self._over = trio.Event()
        self._turn = trio.CancelScope()
        self._told, self._prompts = trio.open_memory_channel[Prompt](1)

    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._talk, events)
            task_status.started(RunFacts(model="talker"))
            await self._over.wait()
            nursery.cancel_scope.cancel()

    async def _talk(self, events: trio.MemorySendChannel[Sequence[RunEvent]]) -> None:
        async for prompt in self._prompts:
            with trio.CancelScope() as self._turn:
                await self._say(events, prompt)
            reason = TurnReason.INTERRUPTED if self._turn.cancelled_caught else TurnReason.COMPLETED
            await events.send([TurnOver(reason=reason, usage=USAGE)])

    async def _say(self, events: trio.MemorySendChannel[Sequence[RunEvent]], prompt: Prompt) -> None:
        count, size, pace = (float(word) for word in prompt.text.split()[-3:])  # it may be reminded of what was cut
        begun = trio.current_time()
        for number in itertools.count(1):
            if number > count:
                return
            item, text = ItemId(f"{prompt.prompt_id}-{number}"), f"{number} ".ljust(int(size), "x")
            await events.send([Delta(item_id=item, kind=DeltaKind.TEXT, text=text)])
            await events.send([Draft(EventType.ASSISTANT, text, Said(item_id=item, model="talker"))])
            await trio.sleep_until(begun + number * pace)

    async def prompt(self, prompt: Prompt) -> None:
        self._told.send_nowait(prompt)

    async def interrupt(self) -> None:
        self._turn.cancel()

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        """It asks nothing."""

    async def close(self) -> None:
        self._over.set()


class TalkerProvider(BaseProvider):
    capabilities = ProviderCapabilities(tools=False, approvals=False)
    remote = False

    def __init__(self, name: ProviderName, settings: ProviderSettings, around: Around) -> None:
        self.name = name

    async def probe(self) -> Probe:
        return Probe(version="1.0")

    def open(self, config: SessionConfig) -> BaseSession:
        return TalkerSession()


KIND = Kind(settings=TalkerSettings, make=TalkerProvider)
