"""A journal whose file is damaged: it is kept as it is, under another name, and what can be read of it goes into a
fresh one. What this does can be cut at any moment; the next start goes on with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from jelmored.journal.engine import connect, transaction
from jelmored.journal.salvage import Retell, Salvaged, salvage
from jelmored.journal.schema import Synchronous, opened

BESIDE = ("-wal", "-shm", "")
"""What belongs to the file, the file itself last: beside a fresh one its write-ahead log would be taken for its own."""


def suspect(path: Path) -> None:
    """At the next start the file is looked through, however the daemon has ended."""
    _note(path).touch(mode=0o600)


def is_suspect(path: Path) -> bool:
    return _note(path).exists()


def acquit(path: Path) -> None:
    """It was looked through, and is sound."""
    _note(path).unlink(missing_ok=True)


def set_aside(
    path: Path, synchronous: Synchronous, retell: Retell, now: Callable[[], datetime]
) -> tuple[Path, Salvaged]:
    """Put a fresh journal in its place. Returns where the damaged one is now, and what could be read of it.

    Raises:
        OSError, sqlite3.Error: it can't be moved, or there is no room for a fresh one; nothing has been changed.
    """
    suspect(path)
    fresh = _fresh(path)
    _remove(fresh)
    found = _salvaged(path, fresh, synchronous, retell)
    aside = _free_name(path, now())
    _note(path).write_text(aside.name)  # from here on there is no way back
    _sync(path.parent)
    take_up(path)
    return aside, found


def take_up(path: Path) -> None:
    """Go on with what a former life may have begun: its fresh journal is whole, the damaged one perhaps half moved."""
    name = _note(path).read_text() if is_suspect(path) else ""
    fresh = _fresh(path)
    if not name or not fresh.exists():
        return
    for suffix in BESIDE:
        if (part := path.with_name(path.name + suffix)).exists():
            part.rename(path.with_name(name + suffix))
    _sync(path.parent)
    fresh.rename(path)
    _sync(path.parent)
    acquit(path)


def _salvaged(path: Path, fresh: Path, synchronous: Synchronous, retell: Retell) -> Salvaged:
    with (
        closing(opened(fresh, synchronous)) as target,
        closing(connect(path, writable=False)) as source,
        transaction(target),
    ):
        return salvage(source, target, retell)


def _note(path: Path) -> Path:
    """Empty: look through the file. A name: the file is to have it."""
    return path.with_name(f"{path.name}.suspect")


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.fresh")


def _free_name(path: Path, now: datetime) -> Path:
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    tries = (path.with_name(f"{name}{suffix}") for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(aside for aside in tries if not aside.exists())


def _remove(file: Path) -> None:
    for suffix in BESIDE:
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    """What was renamed in it stays so."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
