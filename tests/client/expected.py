"""Texts as files: what people see is reviewed by reading it. `make expectations` writes them anew."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

PASSING = re.compile(r"[^\n]*\r\x1b\[K")
REWRITES = "REWRITE_EXPECTATIONS"
TIME = re.compile(r"works \d+ s\b")


def expected(place: str, name: str) -> str:
    """The file `expected/<name>.txt` beside the test that asks (`place` is its `__file__`)."""
    return _file(place, name).read_text()


def settled(seen: str) -> str:
    """What stays on a terminal, escapes made legible: no lines that were taken back, no seams within a dim text."""
    return PASSING.sub("", seen).replace("\x1b[0m\x1b[2m", "").replace("\x1b", "\\e")


def check(place: str, name: str, seen: str) -> None:
    """This was seen, and is what the file says."""
    file, seen = _file(place, name), TIME.sub("works 0 s", seen)
    if os.environ.get(REWRITES):
        file.parent.mkdir(exist_ok=True)
        file.write_text(seen)
    wanted = file.read_text() if file.exists() else ""
    lines = difflib.unified_diff(wanted.splitlines(), seen.splitlines(), str(file), "seen", lineterm="")
    assert seen == wanted, "\n".join(["`make expectations` writes what is seen now", *lines])


def _file(place: str, name: str) -> Path:
    return Path(place).parent / "expected" / f"{name}.txt"
