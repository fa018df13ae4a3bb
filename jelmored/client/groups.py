"""A nursery wraps what leaves it in a group. Where only one task can fail, that is noise for whoever called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def alone() -> Iterator[None]:
    """Lets the only exception of a group out of it; a group of several stays one."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        inner = group.exceptions[0]
        raise inner from inner.__cause__
