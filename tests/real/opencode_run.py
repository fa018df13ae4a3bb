"""Runs of the real OpenCode without a daemon: its provider, held as a supervisor holds it, and a scripted model.

async with open_run(Script(when("hello", says("Hello!")))) as run:
    await run.turn("hello")
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from jelmored.actors.children import Child
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running as beside
from jelmored.actors.supervisor import Supervisor
from jelmored.config.documents import overlaid
from jelmored.config.providers import OpencodeSettings
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.providers.opencode.provider import OpencodeProvider
from jelmored.providers.opencode.session import OpencodeSession

from . import agents
from .agent_run import AgentRun, new_home, running
from .model_server import ModelServer, serving
from .script import Script

OpencodeRun = AgentRun[OpencodeSession]

AGAIN = Policy(
    limit=Limit(restarts=5, period=60),
    unstable=6,
    stable_after=300,
    backoff=Backoff(first=0.2, factor=2, limit=1, jitter=0),
)


@asynccontextmanager
async def providing(home: Path, model_url: str, **settings: Any) -> AsyncIterator[OpencodeProvider]:
    """A provider in this home, with its server, which is started again when it falls."""
    configured = overlaid(agents.opencode_models(model_url), settings.pop("opencode_config", {}))
    chosen = OpencodeSettings(**{
        "opencode_bin": str(agents.opencode()),
        "default_model": agents.OPENCODE_MODEL,
        "opencode_config": configured,
        **settings,
    })
    provider = OpencodeProvider(
        ProviderName("opencode"), chosen, instance_id=InstanceId("ins_test"), home=home / "state" / "opencode"
    )
    surroundings = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with mock.patch.dict(os.environ, surroundings, clear=True):
        async with beside(Supervisor("opencode", [Child("server", provider.run)], AGAIN).run):
            yield provider


@asynccontextmanager
async def open_provider(script: Script, **settings: Any) -> AsyncIterator[tuple[OpencodeProvider, Path, ModelServer]]:
    """The same in a home of its own."""
    with new_home() as home:
        async with serving(script) as model, providing(home, model.url, **settings) as provider:
            yield provider, home, model


@asynccontextmanager
async def open_run(script: Script, settings: Any = None, /, **config: Any) -> AsyncIterator[OpencodeRun]:
    """A run in a home of its own."""
    async with (
        open_provider(script, **(settings or {})) as (provider, home, model),
        running(provider, home, model, **config) as run,
    ):
        yield run
