"""The real agents, as `make test-real` has installed them, and the surroundings in which they are started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OVERRIDE = "JELMORE_TEST_AGENTS"


class AgentMissing(Exception):
    """A real agent is not installed. The tests fail then; they are never skipped."""


def claude() -> Path:
    """The pinned `claude`.

    Raises:
        AgentMissing: it is not there.
    """
    return _installed("claude")


def opencode() -> Path:
    """The pinned `opencode`; raises as above."""
    return _installed("opencode")


def environment(home: Path, model_url: str) -> Mapping[str, str]:
    """All that an agent's environment holds: nothing of ours, no way out but the scripted model."""
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        **model_environment(model_url),
    }


def model_environment(model_url: str) -> Mapping[str, str]:
    """What leads `claude` to the scripted model and keeps it from everything else."""
    return {
        "ANTHROPIC_API_KEY": "sk-ant-scripted",
        "ANTHROPIC_BASE_URL": model_url,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }


OPENCODE_MODEL = "scripted/large"
OTHER_MODEL = "scripted/small"


def opencode_models(model_url: str) -> Mapping[str, Any]:
    """The configuration that leads `opencode` to the scripted model and to nothing else. One of its models takes
    images and has a price, the other has not."""
    large = {
        "limit": {"context": 200_000, "output": 8_000},
        "tool_call": True,
        "reasoning": True,
        "attachment": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "interleaved": {"field": "reasoning_content"},
        "cost": {"input": 1, "output": 2},
    }
    small = {"limit": {"context": 32_000, "output": 4_000}, "tool_call": True}
    scripted = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Scripted",
        "options": {"baseURL": f"{model_url}/v1", "apiKey": "sk-scripted"},
        "models": {"large": large, "small": small},
    }
    return {"enabled_providers": ["scripted"], "small_model": OTHER_MODEL, "provider": {"scripted": scripted}}


def _installed(name: str) -> Path:
    home = Path(os.environ.get(OVERRIDE) or ROOT / ".cache" / "agents")
    program = home / "node_modules" / ".bin" / name
    if not program.exists():
        raise AgentMissing(f"{program} is not there: `make test-real` installs it ({OVERRIDE} names another place)")
    return program
