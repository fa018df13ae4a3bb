"""The bytes in a prompt. The log and the queue refer to them by sha256; the journal keeps them once."""

from __future__ import annotations

import base64
import binascii
import hashlib

import attrs
import trio

from jelmored.domain.events import BlockNote
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Attachment, Journal

MAX_BASE64 = 10 * 1024 * 1024  # protocol 1, section 3
MAX_BLOCKS = 256
MAX_PATH = 4096  # characters
REFERENCE = "sha256:"


@attrs.frozen
class Examined:
    """A prompt's blocks, what the log keeps of them, and the bytes beside it."""

    blocks: tuple[Block, ...]
    notes: tuple[BlockNote, ...]
    attachments: tuple[Attachment, ...]


def examine(blocks: tuple[Block, ...]) -> Examined:
    """Check what a client sent.

    Raises:
        Refused: `invalid-params`, naming the block.
    """
    if not any(not isinstance(block, TextBlock) or block.text.strip() for block in blocks):
        raise Refused(ErrorKind.INVALID_PARAMS, "the prompt is empty", field="prompt")
    if len(blocks) > MAX_BLOCKS:
        raise Refused(ErrorKind.INVALID_PARAMS, f"a prompt has at most {MAX_BLOCKS} blocks", field="prompt")
    pairs = [_examine(block, index) for index, block in enumerate(blocks)]
    if all(isinstance(block, TextBlock) for block in blocks):
        return Examined(blocks, (), ())
    return Examined(blocks, tuple(note for note, _ in pairs), tuple(kept for _, kept in pairs if kept is not None))


def _examine(block: Block, index: int) -> tuple[BlockNote, Attachment | None]:
    match block:
        case TextBlock():
            return BlockNote(type=block.type), None
        case FileBlock(path=path, range=lines):
            if not path.startswith("/") or "\0" in path or len(path) > MAX_PATH:
                raise _bad(index, "path", "must be an absolute path")
            if lines is not None and not 1 <= lines[0] <= lines[1]:
                raise _bad(index, "range", "counts lines from 1, first and last, both inclusive")
            return BlockNote(type=block.type, path=path), None
        case ImageBlock() | DocumentBlock():
            if isinstance(block, ImageBlock) and not block.mime_type.startswith("image/"):
                raise _bad(index, "mimeType", "must be that of an image")
            data = _decoded(block.data, index)
            sha256 = hashlib.sha256(data).hexdigest()
            note = BlockNote(type=block.type, mime_type=block.mime_type, bytes=len(data), sha256=sha256)
            return note, Attachment(sha256, data)


def _decoded(data: str, index: int) -> bytes:
    if not data:
        raise _bad(index, "data", "is empty")
    if len(data) > MAX_BASE64:
        raise _bad(index, "data", f"is larger than {MAX_BASE64} bytes of base64")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise _bad(index, "data", "is not base64") from None


def _bad(index: int, member: str, what: str) -> Refused:
    field = f"prompt[{index}].{member}"
    return Refused(ErrorKind.INVALID_PARAMS, f"{field} {what}", field=field)


def slim(prompt: Prompt, notes: tuple[BlockNote, ...]) -> Prompt:
    """The prompt with references in place of its bytes, as the queue keeps it."""
    blocks = tuple(
        attrs.evolve(block, data=REFERENCE + note.sha256)
        if isinstance(block, ImageBlock | DocumentBlock) and note.sha256
        else block
        for block, note in zip(prompt.blocks, notes or [BlockNote(type="text")] * len(prompt.blocks), strict=True)
    )
    return attrs.evolve(prompt, blocks=blocks)


async def inflate(prompt: Prompt, journal: Journal) -> Prompt:
    """The inverse of `slim`."""
    return attrs.evolve(prompt, blocks=tuple([await _inflate(block, journal) for block in prompt.blocks]))


async def _inflate(block: Block, journal: Journal) -> Block:
    if isinstance(block, ImageBlock | DocumentBlock) and block.data.startswith(REFERENCE):
        data = await journal.attachment(block.data.removeprefix(REFERENCE))
        return attrs.evolve(block, data=base64.b64encode(data or b"").decode())
    return block


async def examine_beside(prompt: str | tuple[Block, ...]) -> Examined:
    """As `examine`; bytes are decoded beside the loop."""
    blocks = (TextBlock(text=prompt),) if isinstance(prompt, str) else prompt
    if all(isinstance(block, TextBlock) for block in blocks):
        return examine(blocks)
    return await trio.to_thread.run_sync(examine, blocks)
