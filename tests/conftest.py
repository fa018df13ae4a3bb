"""For all tests: what one of them does to the log is not there for the next one, and generated examples may take their
time. And Ctrl-C ends what it should: a shell that runs us in the background lets it be ignored, by our children too."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import structlog

pytest.register_assert_rewrite("tests.journal.contract")  # before anybody imports it

hypothesis.settings.register_profile("jelmored", deadline=None)  # other tests may run beside
hypothesis.settings.load_profile("jelmored")

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

_configure = structlog.configure
_configure(  # the default paints each traceback with all its variables, which took most of the time of generated lives
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def _configure_uncached(**options: Any) -> None:
    """A logger that is cached keeps the level and the stream of the test that used it first, and can't be captured."""
    _configure(**options | {"cache_logger_on_first_use": False})


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    monkeypatch.setattr(structlog, "configure", _configure_uncached)
    yield
    _configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
