"""The real agents keep what every provider has to keep."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jelmored.providers.base import BaseProvider
from jelmored.testing.contract import (
    FailureContract,
    Harness,
    InterruptContract,
    RecordContract,
    ResumeContract,
    SteerContract,
    ToolContract,
    TurnContract,
)

from . import claude_run, opencode_run, processes
from .agent_run import new_home
from .model_server import serving
from .script import Answer, Script, fails, recalls, says, uses, when
from .scripts import LONG

pytestmark = pytest.mark.real


def _script(tool: Answer) -> Script:
    return Script(
        when("hello", says("Hello, here I am.")),
        when("tool", tool, says("That was it.")),
        when("steered", tool, says("That was it.")),
        when("be quick", says("At once.")),
        when("long", says(LONG, pieces=200, pace=0.05)),
        when("recall", recalls),
        when("fails", fails(401, "that key is not known")),
    )


@asynccontextmanager
async def _claude(home: Path) -> AsyncIterator[BaseProvider]:
    tool = uses("Bash", command="touch ran", description="touches")
    async with serving(_script(tool)) as model:
        yield claude_run.provider(home, model.url)


@asynccontextmanager
async def _opencode(home: Path) -> AsyncIterator[BaseProvider]:
    tool = uses("bash", command="touch ran", description="touches")
    async with serving(_script(tool)) as model, opencode_run.providing(home, model.url) as provider:
        yield provider


AGENTS = {"claude": _claude, "opencode": _opencode}


NOWHERE = {"claude": "00000000-0000-4000-8000-000000000000", "opencode": "ses_de2703056ffec45NYTQYkDcGMS"}


class _Real:
    @pytest.fixture(params=AGENTS)
    def agent(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def harness(self, agent: str) -> Iterator[Harness]:
        with new_home() as home:
            yield _harness(agent, home)

    @pytest.fixture
    def elsewhere(self, agent: str) -> Iterator[Harness]:
        with new_home() as home:
            yield _harness(agent, home)


class TestRealAgents(
    _Real, TurnContract, ToolContract, InterruptContract, ResumeContract, SteerContract, FailureContract
):
    pass


@pytest.mark.soak
class TestRealRecords(_Real, RecordContract):
    """Each has a server of its own to start, or two."""


def _harness(agent: str, home: Path) -> Harness:
    return Harness(
        open_provider=lambda: AGENTS[agent](home),
        cwd=str(home / "work"),
        tool_ran=(home / "work" / "ran").exists,
        left=lambda: {process.command for process in processes.descendants(os.getpid())},
        nowhere=NOWHERE[agent],
    )
