"""Secrets that the configuration only points at: `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }`.

One may stand wherever a string may. Its value is a `Secret`, which no log and no representation shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .faults import cut

LARGEST = 64 * 1024  # bytes of a file with a secret


class Secret(str):
    """A string that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[secret]"


def fetched(pointer: Mapping[str, Any]) -> Secret:
    """What the pointer points at.

    Raises:
        ValueError: it is no such pointer, or there is nothing; in words for whoever wrote it.
    """
    match list(pointer.items()):
        case [(str(way), str(name))] if way in _WAYS:
            return Secret(_WAYS[way](name))
    raise ValueError('expected a string, or one of { env = "NAME" }, { file = "PATH" }, { credential = "NAME" }')


def is_pointer(table: Mapping[str, Any]) -> bool:
    """Does it look like one, in a table that may hold anything?"""
    return len(table) == 1 and all(way in _WAYS and isinstance(name, str) for way, name in table.items())


def _variable(name: str) -> str:
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return os.environ[name]


def _file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:  # nobody's home; no system has such a name
        raise ValueError(f"{cut(path)} can't be read: {error}") from None
    if len(content) > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST // 1024} KiB")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:  # whose words would show some of it
        raise ValueError(f"{path} is not UTF-8") from None


def _credential(name: str) -> str:
    """Of systemd (`LoadCredential=`)."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise ValueError("there are no credentials: systemd did not start this daemon, or was given none for it")
    return _file(os.path.join(directory, os.path.basename(name)))


_WAYS: Mapping[str, Callable[[str], str]] = {"env": _variable, "file": _file, "credential": _credential}
