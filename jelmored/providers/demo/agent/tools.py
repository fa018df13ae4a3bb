"""The demo agent's tools. What they do is real, in the directory of the session; their outcomes look like claude's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 60
OUTPUT_BYTES = 30_000

Message = dict[str, Any]
Wait = Callable[[float], None]
"""Lets that many seconds pass; what it raises ends the tool."""


class Outcome(NamedTuple):
    """`text` is what the model would read, `native` what a program reads of it."""

    text: str
    failed: bool = False
    denied: bool = False
    native: Message | None = None


def use(tool: str, given: Message, wait: Wait) -> Outcome:
    """Do what was allowed. What can't be done is an outcome that failed."""
    try:
        match tool:
            case "Bash":
                return _run(given["command"], wait)
            case "Write":
                return _write(Path(given["file_path"]), given["content"])
            case "Edit":
                return _edit(Path(given["file_path"]), given["old_string"], given["new_string"])
            case "AskUserQuestion":
                return _answered(given)
            case _:
                return Outcome("Todos have been modified successfully.", native={"newTodos": given.get("todos")})
    except (KeyError, OSError, ValueError) as error:
        return Outcome(f"Error: {error!r}", failed=True)


def _run(command: str, wait: Wait) -> Outcome:
    output, failed = run_command(command, wait)
    return Outcome(output, failed, native={"stdout": output, "stderr": "", "interrupted": False, "isImage": False})


def _write(file: Path, content: str) -> Outcome:
    old = file.read_text("utf-8") if file.is_file() else None
    file.write_text(content, "utf-8")
    done = "updated" if old is not None else "created"
    native: Message = {"type": done[:6], "filePath": str(file), "content": content, "originalFile": old}
    return Outcome(f"File {done} successfully at: {file}", native={**native, "structuredPatch": []})


def _edit(file: Path, old: str, new: str) -> Outcome:
    text = file.read_text("utf-8")
    if not old or old not in text:
        return Outcome("String to replace not found in file.", failed=True)
    file.write_text(text.replace(old, new, 1), "utf-8")
    native = {"filePath": str(file), "oldString": old, "newString": new, "originalFile": text, "structuredPatch": []}
    return Outcome(f"The file {file} has been updated successfully.", native=native)


def _answered(given: Message) -> Outcome:
    answers = given.get("answers", {})
    told = ", ".join(f'"{question}"="{answer}"' for question, answer in answers.items())
    native = {"questions": given.get("questions"), "answers": answers}
    return Outcome(f"Your questions have been answered: {told}.", native=native)


def run_command(command: str, wait: Wait) -> tuple[str, bool]:
    """Run it in a process group of its own, which is gone when this returns or raises.

    Args:
        command: for `/bin/sh`.
        wait: lets that many seconds pass; what it raises ends the command.

    Returns:
        What it wrote (at most 30,000 bytes), and whether it failed.
    """
    with tempfile.TemporaryFile() as output:
        tool = subprocess.Popen(  # noqa: TID251 -- this program is itself what runs under the warden
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + SECONDS
            while tool.poll() is None and time.monotonic() < deadline:
                wait(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(tool.pid, signal.SIGKILL)
            tool.wait()
        output.seek(0)
        return output.read(OUTPUT_BYTES).decode(errors="replace").rstrip("\n"), tool.returncode != 0
