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

    def load(self) -> None:
        self.prompts = [json.loads(line)["prompt"] for line in self._file.read_text("utf-8").splitlines()]

    def add(self, prompt: str) -> None:
        self.prompts.append(prompt)
        with open(self._file, "a", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps({"prompt": prompt}) + "\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
