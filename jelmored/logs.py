"""The log: lines to read on a terminal, JSON lines elsewhere, in systemd's journal each with its priority; no secret at
any level, and no prompt's text at info.

Modules say `log = structlog.get_logger()` and bind what they speak of with `about(session=…, turn=…, provider=…)`.
"""

from __future__ import annotations

import enum
import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, TextIO

import attrs
import orjson
import structlog
from structlog.typing import Processor

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.log_stream import LogStream
from jelmored.secrecy import REDACTED, Secrets

Record = MutableMapping[str, Any]


class Level(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        return logging.getLevelNamesMapping()[self.upper()]


def configure(
    level: Level = Level.INFO,
    *,
    stream: TextIO | None = None,
    secrets: Secrets | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Once, at the start.

    Args:
        level: what is below costs next to nothing.
        stream: a terminal gets lines to read, anything else JSON lines; None: stderr. However it fails, nobody who logs
            ever hears of it, or waits.
        environ: tells whether the stream leads to systemd's journal.
        secrets: none of them is written, whatever it stands in, also of those that it learns later.
    """
    stream = stream or sys.stderr
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redaction(secrets or Secrets(), texts=level is Level.DEBUG),
    ]
    structlog.configure(
        processors=[*processors, _renderer(stream), *([_with_priority] if leads_to_journal(stream, environ) else [])],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        logger_factory=_Lines(LogStream.of(stream, _say_lost)),
        cache_logger_on_first_use=True,
    )
    _take_over_foreign_logs(level)


@attrs.frozen(eq=False)
class _Lines:
    """Structlog's end of the stream, the same one for all loggers."""

    stream: LogStream

    def __call__(self, *_: Any) -> _Lines:
        return self

    def msg(self, line: str | bytes) -> None:
        self.stream.write((line.encode(errors="replace") if isinstance(line, str) else line) + b"\n")

    debug = info = warning = error = critical = exception = msg


def _say_lost(number: int, why: str) -> None:
    structlog.get_logger().warning("lines of the log were lost", number=number, error=why)


def lost() -> int:
    """Lines that could not be written."""
    lines = structlog.get_config()["logger_factory"]
    return lines.stream.lost if isinstance(lines, _Lines) else 0


def about(*, session: SessionId, provider: ProviderName) -> AbstractContextManager[None]:
    """What all lines of a block speak of, also those of the tasks that are started in it."""
    return structlog.contextvars.bound_contextvars(session=session, provider=provider)


def in_turn(turn: int | None) -> None:
    """From now on the lines of this task speak of a turn, or of none."""
    if turn is None:
        structlog.contextvars.unbind_contextvars("turn")
    else:
        structlog.contextvars.bind_contextvars(turn=turn)


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        # The default shows the local variables of a failure, and with them prompts and secrets.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(serializer=_dumps)


def _dumps(value: Any, **_: Any) -> bytes:
    return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS)


# systemd's journal


PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""As syslog numbers them; what else there is counts as an error."""


def leads_to_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Is this the stream that systemd has connected with its journal? JOURNAL_STREAM has its device and inode."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file of the system's
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def prioritised(line: bytes, level: str) -> bytes:
    """As the journal reads it: `journalctl -p warning` finds what we warn of."""
    return b"<%d>%b" % (PRIORITIES.get(level, PRIORITIES["error"]), line)


def _with_priority(_logger: Any, method: str, line: Any) -> Any:
    """A processor, the last one. A terminal is no journal, so the line is bytes."""
    return prioritised(line, method)


DEPTH = 6

_SECRET_KEY = re.compile(r"token|secret|passw|authorization|api_?key|cookie|credential", re.IGNORECASE)
_TEXT_KEYS = frozenset({
    "prompt", "prompts", "text", "content", "blocks", "input", "output", "arguments", "raw", "line", "params", "body",
})  # fmt: skip
_COUNT_KEY = re.compile(r"tokens$", re.IGNORECASE)


@attrs.frozen
class Redaction:
    """A processor that replaces what must not be read: by the names of keys, and known secrets wherever they stand.

    Args:
        secrets: no value is written that has one of these in it.
        texts: prompts and answers may be written out.
    """

    secrets: Secrets
    texts: bool = False

    def __call__(self, _logger: Any, _method: str, record: Record) -> Record:
        return {key: self._value(key, value, DEPTH) for key, value in record.items()}

    def _value(self, key: str, value: Any, depth: int) -> Any:
        if _SECRET_KEY.search(key) and not _COUNT_KEY.search(key):
            return REDACTED
        if key in _TEXT_KEYS and not self.texts:
            return f"[{len(value)} characters]" if isinstance(value, str) else f"[{type(value).__name__}]"
        match value:
            case str():
                return self.secrets.hidden(value)
            case None | bool() | int() | float():
                return value
            case _ if depth == 0:
                return f"[{type(value).__name__}]"
            case Mapping():
                return {str(inner): self._value(str(inner), item, depth - 1) for inner, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._value("", item, depth - 1) for item in value]
            case _:
                return self._value("", repr(value), depth - 1)


def _take_over_foreign_logs(level: Level) -> None:
    """Libraries log in Python's own way; what they warn of goes the way of ours."""
    number = max(level.number, logging.WARNING)
    logging.basicConfig(handlers=[_Forward()], level=number, force=True)


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), library=record.name, exc_info=record.exc_info)
