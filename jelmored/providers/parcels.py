"""Files of an agent's own record as one piece of bytes, and back: what `pack` gives and `unpack` takes. Pure but for
`put`, which writes one of them.

It is a tar file in zlib. Whoever carries it may have changed it, so that sizes and names are looked at.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from jelmored.errors import ErrorKind, SessionError

MAX_SIZE = 128 * 1024 * 1024
"""Bytes of all files; a record that is larger stays where it is."""
_NAME = re.compile(r"(?!.*\.\.)[\w.-]+(/[\w.-]+)*")


def wrapped(files: Mapping[str, bytes]) -> bytes:
    """Blocks for a second or two, if they are large."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return zlib.compress(body.getbuffer())


def unwrapped(record: bytes) -> Mapping[str, bytes]:
    """
    Raises:
        SessionError: `state-invalid`, for anything that `wrapped` has not made.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(record))) as tar:
            return {member.name: _content(tar, member) for member in tar}
    except (zlib.error, tarfile.TarError, ValueError, EOFError) as fault:
        raise damaged(str(fault)) from None


def fits(file: Path, content: bytes) -> bool:
    """It is not there yet, or one of both goes on from the other. Blocks."""
    if not file.exists():
        return True
    there = file.read_bytes()
    return content.startswith(there) or there.startswith(content)


def put(file: Path, content: bytes) -> bool:
    """Write it, for its owner alone, all or nothing. To one that is there already only what it has more is added; false
    if it does not go on from that. Blocks."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file.exists():
        return _added(file, content)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, file)  # unlike a rename, it replaces nothing
        return True
    except FileExistsError:
        return _added(file, content)
    finally:
        draft.unlink(missing_ok=True)


def _added(file: Path, content: bytes) -> bool:
    """Cut in the middle, it is one that the content goes on from."""
    if not fits(file, content):
        return False
    with file.open("ab") as stream:
        stream.write(content[stream.tell() :])
        stream.flush()
        os.fsync(stream.fileno())
    return True


def damaged(how: str) -> SessionError:
    return SessionError(ErrorKind.STATE_INVALID, f"the agent's own record in the state is damaged: {how}")


def _inflated(record: bytes) -> bytes:
    inflating = zlib.decompressobj()
    body = inflating.decompress(record, MAX_SIZE + 1024 * 1024)
    if not inflating.eof:
        raise ValueError("it is cut, or too large")
    return body


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member) if member.isreg() else None
    if file is None or not _NAME.fullmatch(member.name):
        raise ValueError(f"no file that can be there: {member.name!r}")
    return file.read()
