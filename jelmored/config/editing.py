"""Changes one setting in a file of configuration: the rest of it, comments and order too, stays as it was written."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from jelmored.errors import ConfigError, PlaceError

from .documents import dotted, overlaid, parsed, text_of
from .flags import nested
from .lines import Key


def with_value(text: str, key: Key, value: Any) -> str:
    """The text of a TOML file with this value at this key.

    Raises:
        ConfigError: the file's shape does not allow it.
    """
    wanted = overlaid(tomllib.loads(text), nested(key, value))
    return _edited(text, key, wanted, lambda table: table.__setitem__(key[-1], value))


def without_value(text: str, key: Key) -> str:
    """The text without this key.

    Raises:
        ConfigError: it has none, or the file's shape does not allow it.
    """
    wanted = tomllib.loads(text)
    inner: Any = wanted
    for part in key[:-1]:
        inner = inner.get(part) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or key[-1] not in inner:
        raise ConfigError([f"{dotted(key)} is not set there"])
    del inner[key[-1]]
    return _edited(text, key, wanted, lambda table: table.__delitem__(key[-1]))


def _edited(text: str, key: Key, wanted: Any, change: Any) -> str:
    """What came of it is read again: the file must say exactly what it is to say."""
    try:
        document = tomlkit.parse(text)
        table: Any = document
        for depth, part in enumerate(key[:-1]):
            if part not in table:
                table[part] = tomlkit.table(is_super_table=depth < len(key) - 2)
            table = table[part]
        change(table)
        fresh = tomlkit.dumps(document)
        if tomllib.loads(fresh) == wanted:
            return fresh
    except (TOMLKitError, ValueError, TypeError, AttributeError, LookupError):
        pass  # a value where a table would have to be, or a shape that it does not know
    raise ConfigError([f"{dotted(key)} can't be changed by a program in this file; do it by hand"])


def read_text(file: Path) -> str:
    """What stands in a TOML file that may not be there yet.

    Raises:
        ConfigError: it is none.
    """
    if file.suffix == ".json":
        raise ConfigError([f"{file}: only TOML is changed by a program; do it by hand"])
    text = text_of(file) if file.exists() else ""
    parsed(file, text)
    return text


def write(file: Path, text: str) -> None:
    """Whole or not at all; a link stays one, and the file keeps its mode and owner. A new one is for its owner alone.

    Raises:
        PlaceError: it can't be written.
    """
    real = Path(os.path.realpath(file))
    try:
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=real.parent, prefix=".config-")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as stream:
                _like(real, descriptor)
                stream.write(text)
                stream.flush()
                os.fsync(descriptor)
            os.replace(fresh, real)
        except BaseException:
            os.unlink(fresh)
            raise
    except OSError as error:
        raise PlaceError(f"{file} can't be written: {error.strerror}") from error


def _like(file: Path, descriptor: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        found = file.stat()
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
        if found.st_uid != os.geteuid():
            os.fchown(descriptor, found.st_uid, found.st_gid)
