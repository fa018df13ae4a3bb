"""A session on its way between daemons: its state in a file, or all of it as JSON lines, the state first and then its
events. Nothing of it is understood here but where it begins and ends: daemons may know more than this client."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from jelmored.wire.states import Document

from .client import Client
from .errors import Misused, Unclear
from .session import Session
from .terminal.text import harmless_json

FORMAT = "jelmore.session-export"
VERSION = 1
PAGE_EVENTS = 200
PAGE_BYTES = 2 * 1024 * 1024

Json = dict[str, Any]


async def lines_of(session: Session) -> AsyncIterator[str]:
    """The session as it is now, line by line."""
    state, head = await session.export()
    yield _line({"format": FORMAT, "version": VERSION, "head": head, "state": state})
    async for event in session.raw_events(until=head):
        yield _line(event)


async def carry_in(client: Client, lines: Iterator[bytes], name: str, provider: str | None = None) -> Session:
    """Make such a session in the daemon of this client. Half of one is none.

    Args:
        name: where the lines come from, for messages.

    Raises:
        Unclear: that is no export; with the line.
    """
    state = _state_of(_read(next(lines, b""), name, 1), name)
    return await client.import_session(state, _pages(lines, name), provider=provider)


def read_state(file: BinaryIO, name: str) -> Document:
    """A state that was kept.

    Raises:
        Unclear: that is none.
    """
    content = file.read()
    if (found := _object(content)) is None:
        several = content.count(b"\n") > 1
        hint = "`jelmore import` takes what `jelmore export` made" if several else "`jelmore stop -o FILE` keeps one"
        raise Unclear(f"{name} is not the state of a session; {hint}")
    return found


def keep(text: str, path: str) -> None:
    """Write a file that only its owner may read; one that is there is replaced whole.

    Raises:
        Misused: it can't be written; what was there is left.
    """
    with _half_of(path) as half:
        half.write_text(text, encoding="utf-8")
        half.replace(path)


def check_place(path: str) -> None:
    """Before that is done of which the file is to tell. Raises as `keep`."""
    with _half_of(path):
        pass


@contextmanager
def _half_of(path: str) -> Iterator[Path]:
    """An empty file beside the one that is meant; it is gone behind this."""
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        half = target.with_name(f".{target.name}.{os.getpid()}")
        os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        try:
            yield half
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise Misused(f"{path} can't be written: {error.strerror}") from None


def _line(value: Any) -> str:
    return harmless_json(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + "\n"


def _state_of(head: Json, name: str) -> Document:
    if head.get("format") != FORMAT:
        hint = "; `jelmore resume --state` takes a state" if "digest" in head else "; `jelmore export` makes one"
        raise Unclear(f"{name} is no export of a session{hint}")
    if head.get("version") != VERSION:
        raise Unclear(f"{name} is an export of version {head.get('version')}; this jelmore reads {VERSION}: upgrade it")
    state = head.get("state")
    if not isinstance(state, dict):
        raise Unclear(f"{name}, line 1: there is no state in it")
    return state


def _pages(lines: Iterator[bytes], name: str) -> Iterator[Sequence[Json]]:
    page: list[Json] = []
    size = 0
    for number, line in enumerate(lines, 2):
        if page and (len(page) >= PAGE_EVENTS or size + len(line) > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(_read(line, name, number))
        size += len(line)
    yield page


def _read(line: bytes, name: str, number: int) -> Json:
    if (found := _object(line)) is None:
        raise Unclear(f"{name}, line {number}: that is no JSON object; the file is damaged, or no export of a session")
    return found


def _object(text: bytes) -> Json | None:
    """None: it is none, or one that is nested so deeply that no frame can have it."""
    try:
        found = orjson.loads(text)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return found if isinstance(found, dict) else None
