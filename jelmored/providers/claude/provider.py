"""Claude Code as a configured source of agents: is it there, who is logged in, which models, and runs of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

import attrs
import structlog
import trio

from jelmored.config.providers import ClaudeSettings
from jelmored.domain.failures import Failure
from jelmored.domain.ids import InstanceId, ProviderName, SessionId
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.errors import ErrorKind, ModelNotSupportedError, ProviderError
from jelmored.process.child import Child, Command
from jelmored.process.environment import child_environment
from jelmored.providers.base import BaseProvider, Probe, RunEvent, SessionConfig

from .control import ModelChoice, ReplyBody
from .failures import INSTALL, LOG_IN
from .launch import launch_of, own_environment
from .session import ClaudeSession
from .unwrapping import provider_errors_bare

log = structlog.get_logger(__name__)

PROBE = 10.0  # s for the whole of a probe
KNOWN_VERSIONS = "2.1."
"""What was measured; another version is used all the same."""

RETIRED: Mapping[str, str] = dict.fromkeys(
    ("claude-opus-4-0", "claude-opus-4-20250514", "claude-opus-4-1", "claude-opus-4-1-20250805"), "claude-opus-4-8"
)
"""Ids for which the CLI serves their successor and says nothing."""

CAPABILITIES = ProviderCapabilities(thinking=True, images=True, documents=True, resume=True, steer=True, questions=True)
MODEL_CAPABILITIES = ("tools", "images", "documents", "thinking")


class ClaudeProvider(BaseProvider):
    """Runs of the `claude` program, one process each.

    Args:
        name: as configured.
        settings: `[providers.<name>]`.
        instance_id: of this daemon; marks what it starts.
    """

    def __init__(self, name: ProviderName, settings: ClaudeSettings, *, instance_id: InstanceId) -> None:
        self.name = name
        self._settings = settings
        self._instance_id = instance_id

    @property
    def capabilities(self) -> ProviderCapabilities:
        return CAPABILITIES

    def open(self, config: SessionConfig) -> ClaudeSession:
        _refuse_retired(config.model or self._settings.default_model)
        return ClaudeSession(launch_of(self.name, self._settings, config, env=self._environment()))

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

    async def _look(self) -> Probe:
        version = await self._version()
        about = await self._about()
        account = about.account
        failure = None
        if account is not None and not account.logged_in:
            failure = Failure(kind=ErrorKind.AUTH_REQUIRED, message="claude is not logged in", remedy=LOG_IN)
        return Probe(
            version=version,
            models=self._models(about.models),
            account=account.words if account and account.logged_in else None,
            failure=failure,
        )

    async def _version(self) -> str | None:
        env = self._environment()
        child = Child(Command(argv=(self._settings.claude_bin, "--version"), cwd=env["HOME"], env=env), name=self.name)
        async with trio.open_nursery() as nursery:
            await nursery.start(child.run)
            await child.close_stdin()
            lines = await child.read_lines()
        found = re.match(rb"\d+\.\d+\.\d+\S*", lines[0]) if lines else None
        version = found[0].decode() if found else None
        if version is None or not version.startswith(KNOWN_VERSIONS):
            log.warning("claude_version_not_known", provider=self.name, version=version, known=f"{KNOWN_VERSIONS}x")
        return version

    async def _about(self) -> ReplyBody:
        session = self.open(SessionConfig(session_id=SessionId("probe"), cwd=self._environment()["HOME"]))
        send, receive = trio.open_memory_channel[Sequence[RunEvent]](8)
        with send, receive:
            async with trio.open_nursery() as nursery:
                await nursery.start(session.run, send)
                await session.close()
        return session.about or ReplyBody()

    def _models(self, choices: Sequence[ModelChoice]) -> tuple[ModelInfo, ...]:
        names = {choice.value: choice for choice in choices}
        extra = {name: ModelChoice(value=name) for name in self._settings.extra_models if name not in names}
        return tuple(_model(self.name, choice) for choice in (*choices, *extra.values()))

    def _environment(self) -> dict[str, str]:
        return child_environment(os.environ, own_environment(self._settings), instance_id=self._instance_id)


def _refuse_retired(model: str) -> None:
    successor = RETIRED.get(model.lower().removesuffix("[1m]"))
    if successor is not None:
        raise ModelNotSupportedError(
            ErrorKind.MODEL_RETIRED, f"{model} is retired", remedy=f"use its successor {successor}"
        )


def _model(provider: ProviderName, choice: ModelChoice) -> ModelInfo:
    """The list has no windows: names that end with `[1m]` have a million tokens, the others 200,000."""
    resolved = choice.resolved_model
    large = (resolved or choice.value).endswith("[1m]")
    return ModelInfo(
        name=choice.value,
        provider=provider,
        context_length=1_000_000 if large else 200_000,
        capabilities=MODEL_CAPABILITIES,
        equivalents=(resolved,) if resolved and resolved != choice.value else (),
    )


def _told(failure: Failure) -> Failure:
    """A failure with what to do about it in claude's own words."""
    if failure.kind is not ErrorKind.NOT_INSTALLED:
        return failure
    return attrs.evolve(failure, remedy=INSTALL)
