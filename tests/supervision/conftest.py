"""What falls here falls on purpose: its tracebacks are not printed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="package")
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield
