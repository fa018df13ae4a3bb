"""Scripts for trying things by hand: `python -m tests.real.model_server --script NAME`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .conversation import Conversation
from .script import Fault, Line, Script, Silence, breaks, fails, recalls, refuses, says, thinks, uses, when

LONG = " ".join(f"This is sentence {number} of a long answer." for number in range(1, 101))


def _play(conversation: Conversation) -> Line:
    """Does what the first word of the prompt says; `bash` runs the rest of it."""
    if conversation.answers_a_tool:
        return says("The tool has run.")
    verb, _, rest = conversation.last.strip().partition(" ")
    if verb == "bash":
        return uses("Bash", command=rest, description=rest)
    if verb.isdecimal():
        return fails(int(verb), rest or "as asked")
    return PLAYS.get(verb, says(f"You said: {conversation.last}"))


PLAYS: Mapping[str, Line] = {
    "long": says(LONG, pieces=400, pace=0.03),
    "think": thinks("First I consider it. Then I reconsider.", "I have thought."),
    "cut": breaks(says(LONG, pieces=50, pace=0.05), Fault.CUT, after=20),
    "stall": breaks(says(LONG, pieces=50, pace=0.05), Fault.STALL, after=20),
    "garble": breaks(says(LONG, pieces=50), Fault.GARBLED, after=20),
    "hang": Silence.HANG,
    "refuse": refuses(),
}

SCRIPTS: Mapping[str, Callable[[], Script]] = {
    "play": lambda: Script(when("first thing", recalls), when("", _play)),
    "echo": lambda: Script(when("", lambda conversation: says(f"You said: {conversation.last}"))),
    "slow": lambda: Script(when("", says(LONG, pieces=400, pace=0.1))),
    "down": lambda: Script(when("", fails(500))),
}
