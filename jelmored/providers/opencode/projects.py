"""Plug-ins of a project. OpenCode 1.18 loads them into its server as soon as it works there, also where it is told to
leave a project's configuration alone (measured with 1.18.33): programs of a stranger, run without a question."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.process.disk import in_thread

PATIENCE = 10.0  # s for the disk
FILES = ("opencode.json", "opencode.jsonc")
FOLDER = ".opencode"
FOLDERS = ("plugin", "plugins")
PROGRAMS = (".js", ".ts")
REMEDY = "look at it; then move it away, set project_plugins = true of the provider, or use another provider"
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EISDIR, errno.ELOOP)
"""OpenCode can't read it either: it is the same user. After any other error it might, a moment later."""
LARGEST = 1 << 20  # bytes of a configuration; nobody writes more


async def check(directory: str, home: str = "~") -> None:
    """
    Args:
        directory: where a session is to work.
        home: the user's; what lies right in it is their own.

    Raises:
        SessionError: `forbidden`: a plug-in would be loaded there.
        SessionError: `invalid-request`: the disk does not answer.
    """
    try:
        with trio.fail_after(PATIENCE):
            found = await in_thread(lambda: first(Path(directory), Path(home)), directory)
    except trio.TooSlowError:
        told = f"the disk of {directory} has not answered within {PATIENCE:g} s"
        raise SessionError(ErrorKind.INVALID_REQUEST, told) from None
    if found is not None:
        told = f"OpenCode would run a plug-in of the project without asking: {found}"
        raise SessionError(ErrorKind.FORBIDDEN, told, remedy=REMEDY)


def first(directory: Path, home: Path) -> str | None:
    """A plug-in, or a file that names one. Blocks."""
    return next(plugins(directory, home), None)


def plugins(directory: Path, home: Path) -> Iterator[str]:
    """Where OpenCode would find them: in the directory, and in all that it lies in. Blocks."""
    own = os.path.realpath(home.expanduser())
    for place in (directory, *directory.parents):
        if os.path.realpath(place) == own:
            continue
        yield from filter(_names_plugins, (str(place / name) for name in FILES))
        yield from filter(_names_plugins, (str(place / FOLDER / name) for name in FILES))
        for folder in FOLDERS:
            yield from _programs(place / FOLDER / folder)


def _programs(folder: Path) -> Iterator[str]:
    try:
        yield from sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(PROGRAMS))
    except OSError as error:
        if error.errno not in NOT_THERE:
            yield str(folder)


def _names_plugins(path: str) -> bool:
    """Where that can't be told for certain, it does. Nothing is waited for: a pipe could hold us for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return True
            text = file.read(LARGEST + 1).decode(errors="replace")
    except OSError as error:
        return error.errno not in NOT_THERE
    try:
        members = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):  # with comments in it, say
        return "plugin" in text or "\\u" in text or len(text) > LARGEST
    pairs = members if isinstance(members, list) else []
    return any(pair[0] in FOLDERS and pair[1] for pair in pairs if isinstance(pair, tuple))
