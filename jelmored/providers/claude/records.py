"""A conversation of claude's, packed to be carried to another place, and put where claude finds it there.

A resume needs the transcript alone (measured); what its subagents said goes along, for they can be asked further, and
the long outputs of tools as far as there is room. The directory may be another one: claude looks for the file in the
folder of the directory that it is started in, and does not mind what stands in it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

from jelmored.errors import ErrorKind, SessionError
from jelmored.providers import parcels

from .transcripts import NATIVE_ID, Tally, Transcript

MAIN = "transcript.jsonl"
BESIDE = ("subagents", "tool-results")


def pack(transcript: Transcript) -> bytes | None:
    """None: it is not there, or larger than what can be carried. Blocks.

    Raises:
        SessionError: it can't be read.
    """
    path = transcript.find()
    if path is None:
        return None
    try:
        room = parcels.MAX_SIZE - path.stat().st_size
        if room < 0:
            return None
        return parcels.wrapped({MAIN: path.read_bytes(), **dict(_beside(path.with_suffix(""), room))})
    except OSError as error:
        told = f"claude's own record of the conversation can't be read: {error.strerror}"
        raise SessionError(ErrorKind.STATE_INVALID, told) from error


def unpack(transcript: Transcript, record: bytes) -> bool:
    """See `BaseProvider.unpack`. Blocks.

    Raises:
        SessionError: the record is damaged, or the disk refuses it.
    """
    if not NATIVE_ID.fullmatch(transcript.native_id):
        raise parcels.damaged(f"claude has no such id: {transcript.native_id!r}")
    files = dict(parcels.unwrapped(record))
    main = files.pop(MAIN, b"")
    if Tally.of(io.BytesIO(main)).mark is None:
        raise parcels.damaged("there is no message in it")
    path = transcript.find() or transcript.path
    try:
        if not parcels.fits(path, main):
            return False
        for name, content in files.items():
            if name.startswith(tuple(f"{folder}/" for folder in BESIDE)):
                parcels.put(path.with_suffix("") / name, content)
        return parcels.put(path, main)
    except OSError as error:
        told = f"claude's own record can't be put into {path.parent}: {error.strerror}"
        raise SessionError(ErrorKind.STATE_INVALID, told) from error


def _beside(folder: Path, room: int) -> Iterator[tuple[str, bytes]]:
    """The files in it, by their names there, as far as there is room."""
    for name in BESIDE:
        for directory, _, files in sorted(os.walk(folder / name)):
            for file in sorted(Path(directory, one) for one in files):
                if file.is_symlink() or (size := file.stat().st_size) > room:
                    continue
                room -= size
                yield str(file.relative_to(folder)), file.read_bytes()
