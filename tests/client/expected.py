"""Texts as files: what people see is reviewed by reading it."""

from __future__ import annotations

import re
from pathlib import Path

PASSING = re.compile(r"[^\n]*\r\x1b\[K")


def expected(place: str, name: str) -> str:
    """The file `expected/<name>.txt` beside the test that asks (`place` is its `__file__`)."""
    return (Path(place).parent / "expected" / f"{name}.txt").read_text()


def settled(seen: str) -> str:
    """What stays on a terminal, escapes made legible: no lines that were taken back, no seams within a dim text."""
    return PASSING.sub("", seen).replace("\x1b[0m\x1b[2m", "").replace("\x1b", "\\e")
