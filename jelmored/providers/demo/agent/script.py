"""What the demo agent says. It never claims to understand a prompt, and says how to get an agent that does."""

from __future__ import annotations

import re
from collections.abc import Sequence

INTRODUCTION = (
    "I am the demo agent of jelmored: a short script, no model is behind me. What carries me is real: I am a child "
    "process under supervision, and each thing I say is numbered, kept in the journal and streamed to you. "
)
MORE = "\nI can show more: say `question`, `edit`, `steps` or `todos` in a prompt."
REAL_THING = (
    "\nFor real work install Claude Code (`npm install -g @anthropic-ai/claude-code`), log in once with `claude`, and "
    "give your prompt again with `--provider claude`."
)
STOPPED = "You told me to stop, so I do. "
NOBODY_ANSWERED = "Nobody answered, so it was not run."
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected."
INTERRUPTED = "[Request interrupted by user]"

HANDOFF_ENDS = ("The user's next message follows.", "go on with the message, which follows again.")
"""How a block ends that tells of a conversation and stands before a prompt; a copy, as this is a program of its own."""

_PAST = re.compile(r"\b(remember|recall|earlier|previous|first|before|said|told|asked|did I)\b", re.IGNORECASE)
_STOP = re.compile(r"\b(stop|enough)\b", re.IGNORECASE)


def thinking(prompt: str) -> str:
    count = len(prompt.split())
    words = "1 word" if count == 1 else f"{count} words"
    return f"The prompt has {words}. I am a script and can't act on them, so I will look at this directory."


def recalled(prompts: Sequence[str]) -> str:
    """What it remembers, once there is something to remember. `prompts`: all of the session, the present one last."""
    if len(prompts) < 2:
        return ""
    return f"This is prompt {len(prompts)} of this session. The first one was: “{prompts[0]}”. "


def steered(prompt: str) -> str:
    return f"You said meanwhile: “{prompt}”. "


def asks_for_the_past(prompt: str) -> bool:
    return _PAST.search(prompt) is not None


def asks_to_stop(prompt: str) -> bool:
    return _STOP.search(prompt) is not None
