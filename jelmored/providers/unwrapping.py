"""A nursery wraps what it raises in a group; who waits for a run or a probe looks for one `ProviderError`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from jelmored.errors import ProviderError, leaves


@contextlib.contextmanager
def provider_errors_bare() -> Iterator[None]:
    """Raises the first of a group that holds nothing but `ProviderError`s; others pass as they are."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours, rest = group.split(ProviderError)
        if ours is None or rest is not None:
            raise
        raise next(leaves(ours)) from None
