"""The standard streams, as whoever started us left them: one that is closed, or fails, must not decide how we end."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

STANDARD = (0, 1, 2)


def complete() -> None:
    """Before anything is opened: a file that took the number of a stream that is closed would be written into."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    while nowhere in STANDARD:
        nowhere = os.dup(nowhere)
    os.close(nowhere)
    sys.stdout = sys.stdout or _writing(1)
    sys.stderr = sys.stderr or _writing(2)


def settle() -> None:
    """At the end, after which Python says that it failed if it can't write what it still has."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                _to_nowhere(stream.fileno())


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _writing(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
