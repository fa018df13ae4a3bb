"""The real agents, as `make test-real` has installed them, and the surroundings in which they are started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OVERRIDE = "JELMORE_TEST_AGENTS"


class AgentMissing(Exception):
    """A real agent is not installed. The tests fail then; they are never skipped."""


def claude() -> Path:
    """The pinned `claude`.

    Raises:
        AgentMissing: it is not there.
    """
    home = Path(os.environ.get(OVERRIDE) or ROOT / ".cache" / "agents")
    program = home / "node_modules" / ".bin" / "claude"
    if not program.exists():
        raise AgentMissing(f"{program} is not there: `make test-real` installs it ({OVERRIDE} names another place)")
    return program


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
