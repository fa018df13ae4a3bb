"""What the demo agent says. It never claims to understand a prompt, and says how to get an agent that does."""

from __future__ import annotations

import re
from collections.abc import Sequence

COMMAND = "ls -A | head -n 20"
TOOL_INPUT = {"command": COMMAND, "description": "List the files of this directory"}

INTRODUCTION = (
    "I am the demo agent of jelmored: a short script, no model is behind me. What carries me is real: I am a child "
    "process under supervision, and each thing I say is numbered, kept in the journal and streamed to you. "
    "Now I ask to run one harmless command in this directory. You decide.\n"
)
DENIED = "You said no, so nothing ran. "
FAILED = "The command failed; above is what it said. "
REAL_THING = (
    "\nFor real work install Claude Code (`npm install -g @anthropic-ai/claude-code`), log in once with `claude`, and "
    "give your prompt again with `--provider claude`."
)
NOBODY_ANSWERED = "Nobody answered, so it was not run."
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected."
INTERRUPTED = "[Request interrupted by user]"

_PAST = re.compile(r"\b(remember|recall|earlier|previous|first|before|said|told|asked|did I)\b", re.IGNORECASE)


def thinking(prompt: str) -> str:
    count = len(prompt.split())
    words = "1 word" if count == 1 else f"{count} words"
    return f"The prompt has {words}. I am a script and can't act on them, so I will look at this directory."


def done(output: str) -> str:
    return f"The command ran; above is its true output, lines: {len(output.splitlines())}. "


def recalled(prompts: Sequence[str]) -> str:
    """What it remembers, once there is something to remember. `prompts`: all of the session, the present one last."""
    if len(prompts) < 2:
        return ""
    return f"This is prompt {len(prompts)} of this session. The first one was: “{prompts[0]}”. "


def asks_for_the_past(prompt: str) -> bool:
    return _PAST.search(prompt) is not None
