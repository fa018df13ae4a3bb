"""The demo as a provider: its agent under the same supervision, and through the same protocol, as the real claude."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import trio

import jelmored
from jelmored import __version__
from jelmored.config.providers import DemoSettings
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.errors import ErrorKind, ModelNotSupportedError
from jelmored.process.environment import child_environment
from jelmored.providers import parcels
from jelmored.providers.base import BaseProvider, Probe, SessionConfig
from jelmored.providers.claude.launch import STREAMING, Launch
from jelmored.providers.claude.session import ClaudeSession

MODEL = "demo"
TRANSCRIPT = "transcript.jsonl"
PACE = 0.03
"""Seconds between two words: one can read along."""

ROOT = str(Path(jelmored.__file__).parents[1])
"""Where the agent imports its own files from, whatever directory it is started in."""


class DemoProvider(BaseProvider):
    """Runs of the scripted agent, one process each. It is never chosen by itself.

    Args:
        name: as configured.
        settings: `[providers.<name>]`.
        instance_id: of this daemon; marks what it starts.
        transcripts: the directory where the agent keeps what it remembers.
        pace: seconds between two words.
    """

    remote = False

    def __init__(
        self,
        name: ProviderName,
        settings: DemoSettings,
        *,
        instance_id: InstanceId,
        transcripts: Path,
        pace: float = PACE,
    ) -> None:
        self.name = name
        self._settings = settings
        self._instance_id = instance_id
        self._transcripts = transcripts
        self._pace = pace

    @property
    def capabilities(self) -> ProviderCapabilities:
        return ProviderCapabilities(thinking=True, resume=True, steer=True, questions=True)

    async def probe(self) -> Probe:
        """Always well: it needs nothing that could be missing."""
        model = ModelInfo(
            name=MODEL, provider=self.name, context_length=200_000, capabilities=("tools", "thinking"), equivalents=()
        )
        return Probe(version=f"demo {__version__}", models=(model,), account="none: a script, no model is behind it")

    def open(self, config: SessionConfig) -> ClaudeSession:
        if config.model not in (None, MODEL):
            remedy = "leave the model away, or choose another provider"
            raise ModelNotSupportedError(
                ErrorKind.MODEL_NOT_SUPPORTED, f"the demo has no model {config.model!r}", remedy=remedy
            )
        return ClaudeSession(self._launch(config, config.native_id or str(uuid.uuid4())))

    async def pack(self, config: SessionConfig) -> bytes | None:
        return await trio.to_thread.run_sync(self._pack, self._transcript(config))

    def _pack(self, file: Path | None) -> bytes | None:
        return parcels.wrapped({TRANSCRIPT: file.read_bytes()}) if file and file.is_file() else None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        return await trio.to_thread.run_sync(self._unpack, self._transcript(config), record)

    def _unpack(self, file: Path | None, record: bytes) -> bool:
        content = parcels.unwrapped(record).get(TRANSCRIPT)
        if content is None:
            raise parcels.damaged("there is no transcript in it")
        return file is not None and parcels.put(file, content)

    def _transcript(self, config: SessionConfig) -> Path | None:
        """None: that is no id of the agent's."""
        with contextlib.suppress(ValueError):
            return self._transcripts / f"{uuid.UUID(config.native_id or '')}.jsonl"
        return None

    def _launch(self, config: SessionConfig, native_id: str) -> Launch:
        own = (
            *("--resume" if config.native_id else "--session-id", native_id),
            *("--transcripts", str(self._transcripts)),
            *("--pace", str(self._pace)),
        )
        return Launch(
            name=self.name,
            argv=(sys.executable, "-P", "-m", "jelmored.providers.demo.agent", *STREAMING, *own),
            env=self._environment(config.environment),
            cwd=config.cwd,
            real_cwd=config.real_cwd,
            native_id=native_id,
        )

    def _environment(self, brought: Mapping[str, str]) -> dict[str, str]:
        extra = {"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1", "PYTHONPATH": ROOT}
        return child_environment(os.environ, extra, instance_id=self._instance_id, brought=brought)
