"""The prompts of one session, kept in a file so that a resumed agent remembers them."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Transcript:
    def __init__(self, directory: Path, session_id: str) -> None:
        self._file = directory / f"{session_id}.jsonl"
        self.prompts: list[str] = []

    def exists(self) -> bool:
        return self._file.is_file()

    def load(self) -> bool:
        """False: there is nothing in it that can be read. As claude does, it passes over what can't."""
        lines = self._file.read_text("utf-8", errors="replace").splitlines()
        self.prompts = [prompt for line in lines if (prompt := _prompt(line)) is not None]
        return bool(self.prompts)

    def add(self, prompt: str) -> None:
        self.prompts.append(prompt)
        with open(self._file, "a", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps({"prompt": prompt}) + "\n")


def _prompt(line: str) -> str | None:
    try:
        return str(json.loads(line)["prompt"])
    except (ValueError, KeyError, TypeError):
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
