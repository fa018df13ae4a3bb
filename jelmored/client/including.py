"""What a prompt brings along: files that it names, as blocks of protocol 1, section 3."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, TextBlock

from .errors import Misused

IMAGES: Mapping[str, str] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
PDF = ".pdf"
MOST_BYTES = 10 * 1024 * 1024 * 3 // 4  # 10 MiB as base64
PUNCTUATION = ".,;:!?)"  # after a path, it is of the sentence
QUOTES = "'\""
_WORD = re.compile(r"'[^'\n]+'|\"[^\"\n]+\"|(?:\\.|\S)+")


def with_files(text: str, directory: str, home: str, further: Sequence[str] = ()) -> str | tuple[Block, ...]:
    """A prompt as it is sent: its words as they are, and after them the files that it names.

    A word that is the path of an image or a PDF names it, and so does `@path` with any file. A word that is no path of
    a file is only a word.

    Args:
        directory: what relative paths are in.
        home: what `~` is.
        further: files that are named beside it.

    Raises:
        Misused: one of them can't be read, or is too large.
    """
    named = [*_named(text, directory, home), *(_existing(name, directory, home) for name in further)]
    blocks = [_block(path) for path in dict.fromkeys(named)]
    return (TextBlock(text=text), *blocks) if blocks else text


def _named(text: str, directory: str, home: str) -> Iterator[Path]:
    for match in _WORD.finditer(text):
        word = match[0] if match[0][0] in QUOTES else match[0].rstrip(PUNCTUATION)
        path = _path(word.removeprefix("@"), directory, home)
        if (word.startswith("@") or path.suffix.lower() in {*IMAGES, PDF}) and _is_file(path):
            yield path


def _existing(name: str, directory: str, home: str) -> Path:
    path = _path(name, directory, home)
    if not _is_file(path):
        raise Misused(f"there is no file {name}")
    return path


def _path(word: str, directory: str, home: str) -> Path:
    """As a shell would take it: quotes and backslashes as terminals put them around a file that is dropped."""
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in QUOTES
    name = word[1:-1] if quoted else re.sub(r"\\(.)", r"\1", word)
    name = home + name[1:] if name == "~" or name.startswith("~/") else name
    return Path(os.path.abspath(os.path.join(directory, name)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or not a name at all
        return False


def _block(path: Path) -> Block:
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        return ImageBlock(mime_type=IMAGES[suffix], data=_data(path))
    if suffix == PDF:
        return DocumentBlock(mime_type="application/pdf", data=_data(path))
    return FileBlock(path=str(path))


def _data(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Misused(f"{path} can't be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise Misused(f"{path} is too large: at most {MOST_BYTES // (1024 * 1024)} MiB can be sent")
    return base64.b64encode(data).decode()
