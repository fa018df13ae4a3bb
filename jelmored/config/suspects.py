"""What may be a secret in a configuration that can't be used: by the names of its keys alone, and where not even these
can be told, by being quoted."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jelmored.errors import ConfigError

from . import documents, environment, flags, secrets
from .settings import is_secret
from .sources import Sources

_QUOTED = re.compile(r""""((?:[^"\\]|\\.)+)"|'([^']+)'""")


def suspects(sources: Sources) -> frozenset[str]:
    """Rather too much than too little: what is told without them is for others."""
    found = {word for file in sources.files for word in _in_file(file)}
    for document, _ in (environment.document(sources.environ, {}), flags.document(sources.flags)):
        found |= set(_named(document.tree, named=False))
    return frozenset(found)


def _in_file(file: Path) -> Iterator[str]:
    try:
        yield from _named(documents.read(file).tree, named=False)
    except ConfigError:
        with contextlib.suppress(ConfigError):
            for match in _QUOTED.finditer(documents.text_of(file)):
                yield match[1] or match[2]


def _named(value: Any, *, named: bool) -> Iterator[str]:
    match value:
        case dict() if secrets.is_pointer(value):
            with contextlib.suppress(ValueError):
                yield secrets.fetched(value)
        case dict():
            for key, inner in value.items():
                yield from _named(inner, named=named or is_secret(key) or key == "webhook")
        case list():
            for inner in value:
                yield from _named(inner, named=named)
        case str() if named:
            yield value
