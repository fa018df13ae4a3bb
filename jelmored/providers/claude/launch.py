"""How a process that speaks claude's stream-json is started: its arguments, its environment, its conversation."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import attrs

from jelmored.config.providers import ClaudeSettings
from jelmored.domain.permissions import PermissionMode
from jelmored.providers.base import SessionConfig

from .transcripts import Transcript

STREAMING = (
    "-p",
    *("--input-format", "stream-json"),
    *("--output-format", "stream-json"),
    "--verbose",  # compulsory with stream-json
    *("--permission-prompt-tool", "stdio"),
    "--include-partial-messages",
    "--replay-user-messages",  # tells when a message is taken up
)
"""What makes the CLI speak the protocol that `ClaudeSession` speaks."""


@attrs.frozen(kw_only=True)
class Launch:
    """One process to be.

    Args:
        name: the provider's, for errors and the log.
        argv: the program and its arguments.
        env: its whole environment.
        cwd: absolute; where it works.
        native_id: the id that its conversation has or will have.
        transcript: must be there when the process starts; None where there is nothing to resume.
        system_prompt: appended to the agent's own.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = attrs.field(repr=False)
    cwd: str
    native_id: str
    transcript: Transcript | None = None
    system_prompt: str | None = attrs.field(default=None, repr=False)


def launch_of(name: str, settings: ClaudeSettings, config: SessionConfig, *, env: Mapping[str, str]) -> Launch:
    """The real CLI for a session.

    Args:
        name: the provider's.
        settings: the provider's.
        config: what the session wants.
        env: its whole environment; the program is looked for in its PATH.
    """
    native_id = config.native_id or str(uuid4())
    return Launch(
        name=name,
        argv=(settings.claude_bin, *STREAMING, *_arguments(settings, config, native_id)),
        env=env,
        cwd=config.cwd,
        native_id=native_id,
        transcript=Transcript.of(env, config.cwd, native_id) if config.native_id else None,
        system_prompt=config.system_prompt,
    )


def own_environment(settings: ClaudeSettings) -> dict[str, str]:
    """What claude is told by its environment; the provider's own settings win over it."""
    return {
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(settings.max_retries),
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        **settings.environment,
    }


def _arguments(settings: ClaudeSettings, config: SessionConfig, native_id: str) -> tuple[str, ...]:
    max_turns = config.max_turns or settings.max_turns
    return (
        *("--resume" if config.native_id else "--session-id", native_id),
        *(
            "--model",
            config.model or settings.default_model or "default",
        ),  # a resumed session would take that of its last answer
        *("--permission-mode", "plan" if config.permission_mode is PermissionMode.PLAN else "default"),
        *("--setting-sources", ",".join(settings.setting_sources)),
        *(word for directory in config.directories for word in ("--add-dir", directory)),
        *(("--max-turns", str(max_turns)) if max_turns else ()),
    )
