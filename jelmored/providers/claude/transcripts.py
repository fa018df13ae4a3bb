"""Where claude keeps a conversation, so that a resume that can't work is known before it is tried.

`<config>/projects/<cwd with every other sign than letters and digits as ->/<session id>.jsonl`, written from the first
user message on; `<config>` is CLAUDE_CONFIG_DIR or ~/.claude. Names of more than 200 signs are cut and end with a hash.
What subagents said and long outputs of tools lie beside it, in `<session id>/`.

The file only grows. Claude reads what it can of it and says nothing of what it can't (measured), so that a record that
is damaged, or that somebody else has gone on with, is known by its mark alone.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import attrs
import trio

MAX_NAME = 200
MAX_LINE = 64 * 1024 * 1024  # bytes of a line that is read at once: a message may have images in it
NATIVE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Record(enum.Enum):
    """What has become of a transcript since our last run of it."""

    GONE = "it is not there"
    DAMAGED = "some of it is missing, or was changed"
    GROWN = "there are messages in it that are not of our run"
    WHOLE = "it is as we left it, as far as we know"


@attrs.frozen(kw_only=True)
class Transcript:
    """The file of one conversation.

    Args:
        projects: the folder of all projects.
        cwd: where the agent works; claude finds a conversation only from the directory it was begun in.
        native_id: claude's id of it.
    """

    projects: str
    cwd: str
    native_id: str

    @classmethod
    def of(cls, env: Mapping[str, str], cwd: str, native_id: str) -> Transcript:
        return cls(projects=os.path.join(own_directory(env), "projects"), cwd=cwd, native_id=native_id)

    async def look(self, mark: str | None) -> Record:
        """How it is. In a thread: the disk may be slow, and the file large.

        Args:
            mark: of the end of our last run; None: not known.
        """
        return await trio.to_thread.run_sync(self._look, mark, abandon_on_cancel=True)

    async def mark(self) -> str | None:
        """What it looks like now, None if it is not there."""
        return await trio.to_thread.run_sync(self._mark, abandon_on_cancel=True)

    def find(self) -> Path | None:
        """Blocks."""
        return next(self.folder_files(f"{self.native_id}.jsonl"), None)

    @property
    def path(self) -> Path:
        """Where claude would begin it."""
        return Path(self.projects, cut_name(os.path.realpath(self.cwd)), f"{self.native_id}.jsonl")

    def folder_files(self, pattern: str) -> Iterator[Path]:
        """Of the folder of its project. Blocks."""
        name = folder_name(os.path.realpath(self.cwd))
        folder = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}-*"
        return Path(self.projects).glob(f"{folder}/{pattern}")

    def _look(self, mark: str | None) -> Record:
        if (path := self.find()) is None:
            return Record.GONE
        try:
            with path.open("rb") as file:
                return compared(file, mark)
        except FileNotFoundError:
            return Record.GONE

    def _mark(self) -> str | None:
        if (path := self.find()) is None:
            return None
        with path.open("rb") as file:
            return Tally.of(file).mark


@attrs.define
class Tally:
    """Reads a transcript line by line; its mark is the length and a digest of all up to the last message."""

    size: int = 0
    mark: str | None = None
    holes: bool = False
    """Bytes that nobody has written, as a power cut leaves them."""
    _digest: hashlib.blake2b = attrs.field(factory=lambda: hashlib.blake2b(digest_size=16), init=False)

    @classmethod
    def of(cls, file: BinaryIO) -> Tally:
        tally = cls()
        for line in lines_of(file):
            tally.add(line)
        return tally

    def add(self, line: bytes) -> None:
        self.size += len(line)
        self._digest.update(line)
        self.holes = self.holes or b"\0" in line
        if is_message(line):
            self.mark = f"{self.size}:{self._digest.hexdigest()}"


def compared(file: BinaryIO, mark: str | None) -> Record:
    """What a transcript is, against its mark. A line that was torn when claude was killed is no damage."""
    kept, seen = Tally(), mark is None
    for line in lines_of(file):
        kept.add(line)
        seen = seen or kept.mark == mark
    if kept.holes or not seen or kept.mark is None:
        return Record.DAMAGED
    return Record.GROWN if mark not in (None, kept.mark) else Record.WHOLE


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """With their ends; of a line that is longer than one may be, pieces."""
    while line := file.readline(MAX_LINE):
        yield line


def is_message(line: bytes) -> bool:
    """Does the line hold words of the user or of the agent? The others are claude's own notes, which it also makes
    when it is only opened and closed."""
    said = b'"type":"user"' in line or b'"type":"assistant"' in line
    return said and b'"uuid":' in line and line.endswith(b"}\n")


def own_directory(env: Mapping[str, str]) -> str:
    """Where claude keeps what is its own."""
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(env["HOME"], ".claude")


def cut_name(cwd: str) -> str:
    """Claude's name for a directory."""
    name = folder_name(cwd)
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}-{_hash(cwd)}"


def _hash(text: str) -> str:
    """As JavaScript programs make one: 32 bits of its UTF-16 units, in base 36."""
    data, found = text.encode("utf-16-le"), 0
    for unit in zip(data[::2], data[1::2], strict=True):
        found = (found * 31 + unit[0] + (unit[1] << 8)) & 0xFFFFFFFF
    found, digits = abs(found - (1 << 32) if found >> 31 else found), ""
    while found:
        found, digit = divmod(found, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def folder_name(cwd: str) -> str:
    """Claude's name for a directory, before it is cut. It counts in UTF-16 units."""
    return re.sub(r"[^a-zA-Z0-9]", lambda sign: "-" * (len(sign[0].encode("utf-16-le")) // 2), cwd)
