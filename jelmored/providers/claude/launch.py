"""How a process that speaks claude's stream-json is started: its arguments, its environment, its conversation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from uuid import uuid4

import attrs

from jelmored.config.providers import ClaudeSettings
from jelmored.domain.mcp import McpServer
from jelmored.domain.permissions import PermissionMode, Rule
from jelmored.process.command import Command
from jelmored.providers.base import SessionConfig

from .transcripts import Transcript, own_directory

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


DEFAULT_MODEL = "default"


@attrs.frozen(kw_only=True)
class Launch:
    """One process to be.

    Args:
        name: the provider's, for errors and the log.
        argv: the program and its arguments.
        env: its whole environment.
        cwd: absolute; where it works.
        real_cwd: where that has to lead; None: wherever.
        search: the PATH that its program is looked for in; None: that of its environment.
        native_id: the id that its conversation has or will have.
        transcript: must be there when the process starts; None where there is nothing to resume.
        mark: what that looked like when the last run ended; None: not known.
        own_transcript: where its conversation is kept; None where that is not known.
        system_prompt: appended to the agent's own.
        default_model: what it runs when nobody asks for another.
        permission_mode: our policy at the start, and the rules that go with it.
        plans: where it keeps its plans, absolute.
        mcp_servers: by name; it is told of them when it has started.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = attrs.field(repr=False)
    cwd: str
    real_cwd: str | None = None
    search: str | None = None
    native_id: str
    transcript: Transcript | None = None
    mark: str | None = None
    own_transcript: Transcript | None = None
    system_prompt: str | None = attrs.field(default=None, repr=False)
    default_model: str = DEFAULT_MODEL
    permission_mode: PermissionMode = PermissionMode.ASK
    rules: tuple[Rule, ...] = ()
    plans: str = ""
    mcp_servers: Mapping[str, McpServer] = attrs.field(factory=dict)

    @property
    def command(self) -> Command:
        return Command(argv=self.argv, cwd=self.cwd, env=self.env, real_cwd=self.real_cwd, search=self.search)


def launch_of(
    name: str, settings: ClaudeSettings, config: SessionConfig, *, env: Mapping[str, str], search: str | None = None
) -> Launch:
    """The real CLI for a session.

    Args:
        name: the provider's.
        settings: the provider's.
        config: what the session wants.
        env: its whole environment.
        search: the PATH that the program is looked for in; None: that of its environment.
    """
    native_id = config.native_id or str(uuid4())
    former = config.native_id or (config.origin.native_id if config.origin else None)
    return Launch(
        name=name,
        argv=(settings.claude_bin, *STREAMING, *_arguments(settings, config, native_id)),
        env=env,
        cwd=config.cwd,
        real_cwd=config.real_cwd,
        search=search,
        native_id=native_id,
        transcript=Transcript.of(env, config.cwd, former) if former else None,
        mark=config.mark,
        own_transcript=Transcript.of(env, config.cwd, native_id),
        system_prompt=config.system_prompt,
        default_model=settings.default_model or DEFAULT_MODEL,
        permission_mode=config.permission_mode,
        rules=config.rules,
        plans=os.path.join(own_directory(env), "plans"),
        mcp_servers=config.mcp_servers,
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


def native_mode(mode: PermissionMode) -> str:
    """The CLI's mode for ours: in any but `plan` it asks what it would not do by itself, and we answer."""
    return "plan" if mode is PermissionMode.PLAN else "default"


def _arguments(settings: ClaudeSettings, config: SessionConfig, native_id: str) -> tuple[str, ...]:
    max_turns = config.max_turns or settings.max_turns
    model = config.model or settings.default_model or DEFAULT_MODEL
    return (
        *_conversation(config, native_id),
        *("--model", model),  # a resumed session would take that of its last answer
        *("--permission-mode", native_mode(config.permission_mode)),
        *("--setting-sources", ",".join(settings.setting_sources)),
        *(word for directory in config.directories for word in ("--add-dir", directory)),
        *(("--max-turns", str(max_turns)) if max_turns else ()),
    )


def _conversation(config: SessionConfig, native_id: str) -> tuple[str, ...]:
    """The one that it takes up, begins, or begins as a fork of another. A fork that was never prompted is not there:
    it is made again, with the same id."""
    if config.native_id is not None:
        return ("--resume", native_id)
    new = ("--session-id", native_id)
    if config.origin is None:
        return new
    at = ("--resume-session-at", config.origin.at) if config.origin.at else ()
    return ("--resume", config.origin.native_id, "--fork-session", *new, *at)
