"""A run of the real claude without a daemon, and a scripted model.

async with open_run(Script(when("hello", says("Hello!")))) as run:
    await run.turn("hello")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jelmored.config import catalogue
from jelmored.config.providers import ClaudeSettings
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.providers.claude.provider import ClaudeProvider
from jelmored.providers.claude.session import ClaudeSession

from . import agent_run, agents
from .agent_run import ME, SECONDS, AgentRun, new_home, prompt
from .model_server import ModelServer, serving
from .script import Script

__all__ = ["ME", "SECONDS", "ClaudeRun", "new_home", "open_run", "prompt", "provider", "running"]

ClaudeRun = AgentRun[ClaudeSession]


def provider(home: Path, model_url: str, **settings: Any) -> ClaudeProvider:
    environment = {**agents.environment(home, model_url), **settings.pop("environment", {})}
    chosen = ClaudeSettings(claude_bin=str(agents.claude()), environment=environment, **settings)
    models = catalogue.load([catalogue.shipped()])
    return ClaudeProvider(ProviderName("claude"), chosen, instance_id=InstanceId("ins_test"), catalogue=models)


@asynccontextmanager
async def running(
    home: Path, model: ModelServer, settings: Mapping[str, Any] | None = None, /, **config: Any
) -> AsyncIterator[ClaudeRun]:
    """A run in this home; it is closed at the end and must return by itself."""
    source = provider(home, model.url, **(settings or {}))
    async with agent_run.running(source, home, model, **config) as run:
        yield run


@asynccontextmanager
async def open_run(
    script: Script, settings: Mapping[str, Any] | None = None, /, **config: Any
) -> AsyncIterator[ClaudeRun]:
    """A run in a home of its own."""
    with new_home() as home:
        async with serving(script) as model, running(home, model, settings, **config) as run:
            yield run
