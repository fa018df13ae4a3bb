"""What a project holds before the CLI comes to it."""

from __future__ import annotations

import base64
import random
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from .capture import captured

Setup = Callable[[Path], None]


def holding(*names: str, **texts: str) -> Setup:
    """Files by name, each with a line; `name/` is a directory. One with a text of its own loses its `.txt` here."""

    def make(project: Path) -> None:
        for name in names:
            if name.endswith("/"):
                (project / name).mkdir()
            else:
                (project / name).write_text("hello\n")
        for name, text in texts.items():
            (project / f"{name}.txt").write_text(text)

    return make


def repository(project: Path) -> None:
    """Of git, with a commit."""
    me = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    for command in (("init", "--quiet"), (*me, "commit", "--quiet", "--allow-empty", "--message", "first")):
        subprocess.run(("git", *command), cwd=project, check=True)


def together(*setups: Setup) -> Setup:
    def make(project: Path) -> None:
        for setup in setups:
            setup(project)

    return make


def media(project: Path) -> None:
    """A picture, a document and long texts."""
    (document,) = (
        block["source"]["data"]
        for entry in captured("multimodal").of("in")
        for block in entry.message.get("message", {}).get("content", ())
        if isinstance(block, dict) and block["type"] == "document" and block["source"]["type"] == "base64"
    )
    (project / "d.pdf").write_bytes(base64.b64decode(document))
    (project / "p.png").write_bytes(png(800))
    (project / "b.txt").write_text((("x" * 99) + "\n") * 10_486)
    (project / "one.txt").write_text("y" * 1_000_000)


def png(side: int) -> bytes:
    """A square of noise: it can't be made smaller without loss."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    noise = random.Random(1)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
