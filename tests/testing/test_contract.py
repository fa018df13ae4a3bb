"""The contract can be kept: a puppet does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import trio

from jelmored.domain.events import DeltaKind, Draft, EventType, ToolResult, ToolUse, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, RequestId, ToolUseId
from jelmored.domain.permissions import PermissionRequest, ToolKind, Verdict
from jelmored.errors import ErrorKind
from jelmored.providers.base import Asked, BaseProvider, Delta, Taken
from jelmored.testing.contract import (
    FailureContract,
    Harness,
    InterruptContract,
    ResumeContract,
    SteerContract,
    ToolContract,
    TurnContract,
)
from jelmored.testing.puppet import PuppetProvider, PuppetSession

T = TypeVar("T")

TOOL = ToolUseId("tool-1")
ASKED = Asked(
    PermissionRequest(
        request_id=RequestId("req-1"),
        tool_name="touch",
        kind=ToolKind.EXECUTE,
        title="touch ran",
        input={},
        tool_use_id=TOOL,
    )
)


class Strings:
    """Pulls those of every puppet of a harness: plays what the prompts name."""

    def __init__(self, ran: Path) -> None:
        self.first: str | None = None
        self._ran = ran

    async def hold(self, provider: PuppetProvider) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(self._play, await _patiently(provider.opened))

    async def _play(self, puppet: PuppetSession) -> None:
        while True:
            words = (await _patiently(puppet.heard)).text
            self.first = self.first or words
            await self._answer(puppet, words)

    async def _answer(self, puppet: PuppetSession, words: str) -> None:
        match words:
            case "tool" | "steered":
                await self._use_tool(puppet)
            case "long":
                await puppet.tell(Delta(item_id=ItemId("long"), kind=DeltaKind.TEXT, text="It was "))
                return
            case "fails":
                failure = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not that key")
                await puppet.finish(TurnReason.FAILED, failure)
                return
        await puppet.say(f"You told me: {self.first}")
        await puppet.finish()

    async def _use_tool(self, puppet: PuppetSession) -> None:
        use = ToolUse(tool_use_id=TOOL, name="touch", kind=ToolKind.EXECUTE, input={})
        await puppet.tell(Draft(EventType.TOOL_USE, "touch ran", use), ASKED)
        answer = await puppet.heard_answer()
        allowed = answer.verdict is Verdict.ALLOW
        if allowed:
            self._ran.touch()
        result = ToolResult(tool_use_id=TOOL, is_error=not allowed)
        await puppet.tell(Draft(EventType.TOOL_RESULT, answer.message or "done", result))
        await puppet.tell(*(Taken(steer.prompt_id) for steer in puppet.steers))


async def _patiently(wait: Callable[[], Awaitable[T]]) -> T:
    """A puppet waits some seconds for what must come in a test; here it may never."""
    while True:
        try:
            return await wait()
        except trio.TooSlowError:
            continue


class TestPuppet(TurnContract, ToolContract, InterruptContract, ResumeContract, SteerContract, FailureContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        strings = Strings(tmp_path / "ran")

        @asynccontextmanager
        async def opened() -> AsyncIterator[BaseProvider]:
            provider = PuppetProvider()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(strings.hold, provider)
                yield provider
                nursery.cancel_scope.cancel()

        return Harness(open_provider=opened, cwd=str(tmp_path), tool_ran=(tmp_path / "ran").exists)
