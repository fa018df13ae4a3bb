"""OpenCode as a configured source of agents: its server, which models that offers, and runs of it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from pathlib import Path

import attrs
import structlog
import trio

from jelmored.config.providers import OpencodeSettings
from jelmored.domain.failures import Failure, RunClass
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.errors import ErrorKind, ProviderError, SessionError
from jelmored.process.environment import child_environment
from jelmored.providers.base import BaseProvider, PastSession, PastTurn, Probe, SessionConfig
from jelmored.providers.unwrapping import provider_errors_bare

from . import memories, models, projects, records
from .client import OpencodeClient
from .launch import Home, launch_of, place_environment
from .server import Berth, attach, serve
from .session import SERVER, OpencodeSession

log = structlog.get_logger(__name__)

PROBE = 9.0  # s for the whole of a probe
LOOK_AGAIN = 60.0  # s, where only a person can mend it
KNOWN_VERSIONS = "1.18."
"""What was measured; another version is used all the same."""
INSTALL = "run `npm install -g opencode-ai`, or name its path in opencode_bin"

NO_MODEL = Failure(
    kind=ErrorKind.AUTH_REQUIRED,
    message="OpenCode has no model: no provider of models is configured for it, and it has no login",
    remedy="set use_my_setup = true to take over your own login, or name a provider of models in opencode_config",
)
CAPABILITIES = ProviderCapabilities(
    thinking=True, images=True, documents=True, resume=True, steer=True, questions=True, compact=True, fork=True
)


class OpencodeProvider(BaseProvider):
    """Sessions of an OpenCode server.

    Args:
        name: as configured.
        settings: `[providers.<name>]`.
        instance_id: of this daemon; marks what it starts.
        home: where a server of ours keeps its things.
    """

    def __init__(self, name: ProviderName, settings: OpencodeSettings, *, instance_id: InstanceId, home: Path) -> None:
        self.name = name
        self._settings = settings
        self._instance_id = instance_id
        self._home = Home(home)
        self._berth = Berth()

    @property
    def capabilities(self) -> ProviderCapabilities:
        return CAPABILITIES

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the server. Where only a person can mend what is wrong it looks again now and then; else it raises, and
        is started again."""
        task_status.started()
        while True:
            try:
                with provider_errors_bare():
                    await self._hold_server()
            except ProviderError as error:
                log.warning("no opencode server", provider=self.name, why=error.message)
                self._berth.lacks(error)
                if Failure.of(error).cls is not RunClass.PERMANENT:
                    raise
            await trio.sleep(LOOK_AGAIN)

    def heed(self, settings: OpencodeSettings) -> None:
        self._settings = settings

    def check_model(self, model: str, known: Sequence[ModelInfo]) -> None:
        models.check_name(model)
        super().check_model(model, known)

    def open(self, config: SessionConfig) -> OpencodeSession:
        if config.model:
            models.check_name(config.model)
        return OpencodeSession(
            self.name, attrs.evolve(config, environment=self._added(config)), self._settings, self._berth
        )

    def _added(self, config: SessionConfig) -> Mapping[str, str]:
        """What the tools of a session get beside what its server has."""
        own = self._environment()
        whole = child_environment(
            os.environ, self._settings.environment, instance_id=self._instance_id, brought=config.environment
        )
        return {name: whole[name] for name in config.environment if whole[name] != own.get(name)}

    async def pack(self, config: SessionConfig) -> bytes | None:
        return await records.pack(await self._client(), config.native_id) if config.native_id else None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        """A server that is not ours takes none: its program and its places are not ours to use."""
        server = await self._berth.server(SERVER)
        if not server.ours or config.native_id is None:
            return False
        if not self._settings.project_plugins:
            try:
                await projects.check(config.cwd)
            except SessionError:  # its program would load them too; the agent is told what was said
                return False
        importer = records.Importer(
            program=self._settings.opencode_bin, env=place_environment(self._settings, self._home, self._environment())
        )
        return await importer.unpack(server.client, config.native_id, config.cwd, record)

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        if config.native_id is None:
            return ()
        return await memories.kept(await self._client(), config.native_id, ids)

    async def past_sessions(self, cwd: str | None = None) -> Sequence[PastSession]:
        """Those of its server: where it is a server of ours, our own."""
        return await memories.past_sessions(await self._client(), cwd)

    def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        return memories.recall(self._client, past.native_id, after)

    async def _client(self) -> OpencodeClient:
        return (await self._berth.server(SERVER)).client

    async def probe(self) -> Probe:
        """What its server tells of itself."""
        with trio.move_on_after(PROBE):
            try:
                return await self._look()
            except ProviderError as error:
                return Probe(failure=_told(Failure.of(error)))
        message = f"the OpenCode server did not answer within {PROBE:.0f} s"
        return Probe(failure=Failure(kind=ErrorKind.UNAVAILABLE, message=message))

    async def _look(self) -> Probe:
        server = await self._berth.server(PROBE)
        offer = models.offered(self.name, await server.client.providers())
        return Probe(
            version=await server.client.version(),
            models=offer.models,
            failure=None if offer.models else NO_MODEL,
            notes=_differences(server.version),
        )

    async def _hold_server(self) -> None:
        settings = self._settings
        if settings.api_endpoint:
            await attach(settings.api_endpoint, settings.api_key, self._berth)
            return
        env = self._environment()
        await trio.to_thread.run_sync(self._home.furnish, settings, env)
        await serve(launch_of(settings, self._home, env), self._berth, name=self.name)

    def _environment(self) -> dict[str, str]:
        return child_environment(os.environ, self._settings.environment, instance_id=self._instance_id)


def _differences(version: str) -> tuple[str, ...]:
    """What is to be said of a version that was not measured."""
    if version.startswith(KNOWN_VERSIONS):
        return ()
    return (f"opencode is {version}; jelmored was made with {KNOWN_VERSIONS}x, and some things may not work",)


def _told(failure: Failure) -> Failure:
    """A failure with what to do about it in OpenCode's own words."""
    if failure.kind is not ErrorKind.NOT_INSTALLED:
        return failure
    return attrs.evolve(failure, remedy=INSTALL)
