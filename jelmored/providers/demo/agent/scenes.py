"""What the demo agent does in a turn: short plays, chosen by words of the prompt.

A scene gives what it says and the tool that it then uses, gets what came of it, and returns its last words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .tools import Outcome

Message = dict[str, Any]

COMMAND = "ls -A | head -n 20"
FILE = "demo.txt"
"""The one file that it changes."""
STEPS = 3


class Use(NamedTuple):
    """`asks`: it must be allowed first."""

    words: str
    tool: str
    input: Message
    asks: bool = True


Scene = Generator[Use, Outcome, str]


def command(_: float) -> Scene:
    """One command that must be allowed."""
    wish = "Now I ask to run one harmless command in this directory. You decide.\n"
    outcome = yield Use(wish, "Bash", {"command": COMMAND, "description": "List the files of this directory"})
    if outcome.denied:
        return "You said no, so nothing ran. "
    if outcome.failed:
        return "The command failed; above is what it said. "
    return f"The command ran; above is its true output, lines: {len(outcome.text.splitlines())}. "


def question(_: float) -> Scene:
    """Two questions with options; of the second, several may be chosen."""
    questions = [
        _question("Colour", "Which colour do you like best?", {"Red": "As a poppy", "Blue": "As the sky"}),
        _question(
            "Fruit",
            "Which fruits go into the basket?",
            {"Apples": "They keep", "Pears": "They don't", "Plums": "For a cake"},
            several=True,
        ),
    ]
    outcome = yield Use("I want to know two things. ", "AskUserQuestion", {"questions": questions})
    return "You did not answer, so I don't know. " if outcome.denied else f"{outcome.text} "


def _question(header: str, text: str, options: Mapping[str, str], *, several: bool = False) -> Message:
    told = [{"label": label, "description": description} for label, description in options.items()]
    return {"question": text, "header": header, "options": told, "multiSelect": several}


def edit(_: float) -> Scene:
    """A change of a file: it is made where it is not there yet, else its first line is changed."""
    file = Path.cwd() / FILE
    line = next(iter(file.read_text("utf-8").splitlines()), "") if file.is_file() else ""
    if line:
        change = {"old_string": line, "new_string": f"{line} It was edited.", "replace_all": False}
        outcome = yield Use(f"I ask to change a line of {FILE}. ", "Edit", {"file_path": str(file), **change})
    else:
        text = "This file is from the demo of jelmored.\nYou may delete it.\n"
        outcome = yield Use(f"I ask to write {FILE}. ", "Write", {"file_path": str(file), "content": text})
    return f"You said no, so {FILE} is as it was. " if outcome.denied else f"{outcome.text} "


def steps(pace: float) -> Scene:
    """Several tools in a row that need no permission and take their time: what you say meanwhile steers."""
    for step in range(1, STEPS + 1):
        shell = {"command": f"sleep {30 * pace:g}; echo step {step}", "description": f"Step {step} of {STEPS}"}
        yield Use(f"Step {step} of {STEPS}. ", "Bash", shell, asks=False)
    return "All steps are done. "


def todos(_: float) -> Scene:
    """A list of what it means to do, as it shrinks."""
    plan = ["Make a plan", "Show the plan", "Be done"]
    for done in range(len(plan) + 1):
        entries = [_todo(place, content, done) for place, content in enumerate(plan)]
        yield Use(f"{done} of {len(plan)} done. ", "TodoWrite", {"todos": entries}, asks=False)
    return "The plan is carried out. "


def _todo(place: int, content: str, done: int) -> Message:
    status = "completed" if place < done else "in_progress" if place == done else "pending"
    return {"content": content, "status": status, "activeForm": content}


SCENES: Mapping[str, Callable[[float], Scene]] = {"question": question, "edit": edit, "steps": steps, "todos": todos}
"""By the word that asks for it. Each is given the pace, in seconds a word."""

_WORD = re.compile(rf"\b({'|'.join(SCENES)})\b")


def named_in(prompt: str) -> Iterator[Callable[[float], Scene]]:
    """Those that a prompt asks for, in its order."""
    return (SCENES[word] for word in dict.fromkeys(_WORD.findall(prompt.lower())))
