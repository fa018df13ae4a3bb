"""Absolute paths as text: which lies in which. Links are for others to resolve."""

from __future__ import annotations

import os
from collections.abc import Iterable


def lies_in(path: str, directories: Iterable[str]) -> bool:
    """It is one of the directories, or below one. `..` is folded; nothing else is looked at."""
    clean = os.path.normpath(path)
    return any(clean == home or clean.startswith(home.rstrip("/") + "/") for home in directories)
