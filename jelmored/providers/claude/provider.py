"""Claude Code as a configured source of agents: is it there, who is logged in, which models, and runs of it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

import attrs
import structlog
import trio

from jelmored.config.providers import ClaudeSettings
from jelmored.domain.catalogue import Catalogue
from jelmored.domain.failures import Failure
from jelmored.domain.ids import InstanceId, ProviderName, SessionId
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.errors import ErrorKind, ModelNotSupportedError, ProviderError, SessionError
from jelmored.process.child import Child, Command
from jelmored.process.environment import child_environment
from jelmored.providers.base import (
    BaseProvider,
    PastSession,
    PastTurn,
    Probe,
    RunEvent,
    SessionConfig,
    native_lost,
)
from jelmored.providers.reaching import reaches
from jelmored.providers.unwrapping import provider_errors_bare

from . import keeping, memories, models, records
from .control import ReplyBody
from .failures import INSTALL, LOG_IN
from .launch import launch_of, own_environment
from .session import ClaudeSession
from .transcripts import Transcript, own_directory

log = structlog.get_logger(__name__)

PROBE = 10.0  # s for the whole of a probe
KNOWN_VERSIONS = "2.1."
"""What was measured; another version is used all the same."""

API = "https://api.anthropic.com"
ELSEWHERE = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
"""With one of these the model is served by a cloud whose address only the CLI knows."""

CAPABILITIES = ProviderCapabilities(
    thinking=True,
    images=True,
    documents=True,
    resume=True,
    steer=True,
    questions=True,
    compact=True,
    fork=True,
    mcp_servers=True,
)


class ClaudeProvider(BaseProvider):
    """Runs of the `claude` program, one process each.

    Args:
        name: as configured.
        settings: `[providers.<name>]`.
        instance_id: of this daemon; marks what it starts.
        catalogue: the names that the CLI resolves, and the models that are gone.
    """

    def __init__(
        self, name: ProviderName, settings: ClaudeSettings, *, instance_id: InstanceId, catalogue: Catalogue
    ) -> None:
        self.name = name
        self._settings = settings
        self._instance_id = instance_id
        self._catalogue = catalogue

    @property
    def capabilities(self) -> ProviderCapabilities:
        return CAPABILITIES

    def heed(self, settings: ClaudeSettings) -> None:
        self._settings = settings

    def check_model(self, model: str, known: Sequence[ModelInfo]) -> None:
        """Also what the CLI resolves by itself; its list names only some. Any model, as long as none was seen."""
        models.refuse_retired(model, self._catalogue)
        if known and not models.is_known(model, known, self._settings.extra_models, self._catalogue):
            told = ", ".join(info.name for info in known)
            raise ModelNotSupportedError(
                ErrorKind.MODEL_NOT_SUPPORTED,
                f"{self.name} has no model {model!r}",
                remedy=f"choose one of: {told}; or name it in extra_models of [providers.{self.name}]",
            )

    def open(self, config: SessionConfig) -> ClaudeSession:
        models.refuse_retired(config.model or self._settings.default_model, self._catalogue)
        own = self._environment()
        env = self._environment(config.environment)
        return ClaudeSession(launch_of(self.name, self._settings, config, env=env, search=own.get("PATH")))

    async def probe(self) -> Probe:
        """Its version, and what it says of itself in a process that is never prompted: no model is called."""
        with trio.move_on_after(PROBE):
            try:
                with provider_errors_bare():
                    return await self._look()
            except ProviderError as error:
                return Probe(failure=_told(Failure.of(error)))
        message = f"{self._settings.claude_bin} did not answer within {PROBE:.0f} s"
        return Probe(failure=Failure(kind=ErrorKind.UNAVAILABLE, message=message))

    async def reachable(self) -> bool | None:
        """By a connection to `ANTHROPIC_BASE_URL`, or the vendor's own server. An address that stands in claude's own
        settings is not seen here."""
        env = self._environment()
        if any(env.get(name) for name in ELSEWHERE):
            return None
        return await reaches(env.get("ANTHROPIC_BASE_URL") or API, env)

    async def pack(self, config: SessionConfig) -> bytes | None:
        transcript = self._transcript(config.cwd, config.native_id)
        return await trio.to_thread.run_sync(records.pack, transcript) if transcript else None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        transcript = self._transcript(config.cwd, config.native_id)
        return transcript is not None and await trio.to_thread.run_sync(records.unpack, transcript, record)

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        transcript = self._transcript(config.cwd, config.native_id)
        return await trio.to_thread.run_sync(_kept, transcript, ids, abandon_on_cancel=True) if transcript else None

    async def past_sessions(self, cwd: str | None = None) -> Sequence[PastSession]:
        """Also those that jelmored has made: they lie beside the user's own."""
        return await trio.to_thread.run_sync(self._past_sessions, cwd, abandon_on_cancel=True)

    def _past_sessions(self, cwd: str | None) -> Sequence[PastSession]:
        projects = os.path.join(own_directory(self._environment()), "projects")
        return tuple(memories.past_sessions(projects, os.path.realpath(cwd) if cwd is not None else None))

    async def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        transcript = self._transcript(past.cwd, past.native_id)
        path = await trio.to_thread.run_sync(transcript.find) if transcript else None
        if transcript is None or path is None:
            raise native_lost("claude has no such conversation", {"nativeId": past.native_id})
        turns = memories.recall(transcript, path, after)
        try:
            while (turn := await trio.to_thread.run_sync(next, turns, None)) is not None:
                yield turn
        except OSError as error:
            raise SessionError(ErrorKind.STATE_INVALID, f"{path} can't be read: {error.strerror}") from error

    def _transcript(self, cwd: str, native_id: str | None) -> Transcript | None:
        return Transcript.of(self._environment(), cwd, native_id) if native_id else None

    async def _look(self) -> Probe:
        version = await self._version()
        about = await self._about()
        account = about.account
        failure = None
        if account is not None and not account.logged_in:
            failure = Failure(kind=ErrorKind.AUTH_REQUIRED, message="claude is not logged in", remedy=LOG_IN)
        return Probe(
            version=version,
            models=models.offered(self.name, about.models, self._settings.extra_models),
            account=account.words if account and account.logged_in else None,
            failure=failure,
            notes=self._differences(version),
        )

    async def _version(self) -> str | None:
        env = self._environment()
        child = Child(Command(argv=(self._settings.claude_bin, "--version"), cwd=env["HOME"], env=env), name=self.name)
        async with trio.open_nursery() as nursery:
            await nursery.start(child.run)
            await child.close_stdin()
            lines = await child.read_lines()
        found = re.match(rb"\d+\.\d+\.\d+\S*", lines[0]) if lines else None
        return found[0].decode() if found else None

    def _differences(self, version: str | None) -> tuple[str, ...]:
        """What is to be said of a version that was not measured."""
        if version is not None and version.startswith(KNOWN_VERSIONS):
            return ()
        log.warning("claude_version_not_known", provider=self.name, version=version, known=f"{KNOWN_VERSIONS}x")
        known = f"jelmored was made with {KNOWN_VERSIONS}x"
        return (f"claude says that its version is {version or 'none'}; {known}, and some things may not work",)

    async def _about(self) -> ReplyBody:
        session = self.open(SessionConfig(session_id=SessionId("probe"), cwd=self._environment()["HOME"]))
        send, receive = trio.open_memory_channel[Sequence[RunEvent]](8)
        with send, receive:
            async with trio.open_nursery() as nursery:
                await nursery.start(session.run, send)
                await session.close()
        return session.about or ReplyBody()

    def _environment(self, brought: Mapping[str, str] | None = None) -> dict[str, str]:
        """Args:
        brought: by a session. What claude keeps is where it is without.
        """
        own = own_environment(self._settings)
        return child_environment(os.environ, own, instance_id=self._instance_id, brought=brought)


def _kept(transcript: Transcript, ids: Sequence[str]) -> Collection[str] | None:
    path = transcript.find()
    return keeping.kept(path, ids) if path is not None else None


def _told(failure: Failure) -> Failure:
    """A failure with what to do about it in claude's own words."""
    if failure.kind is not ErrorKind.NOT_INSTALLED:
        return failure
    return attrs.evolve(failure, remedy=INSTALL)
