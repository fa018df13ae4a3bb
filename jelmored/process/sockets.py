"""The other end of a TCP connection on this machine: whose socket it is, and which processes have it (proc(5))."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import attrs

from . import procfs

_TABLES = ("tcp", "tcp6")
_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address as an IPv6 socket has it


@attrs.frozen
class Socket:
    """A socket as the kernel keeps it.

    Args:
        inode: names it as long as it is there.
        uid: of whoever made it.
    """

    inode: int
    uid: int


def find(theirs: tuple[str, int], ours: tuple[str, int]) -> Socket | None:
    """The socket at `theirs` that is connected to `ours`; None if there is none any more. It reads the whole of the
    kernel's table: not for the loop's own thread."""
    wanted = set(zip(_spelled(*theirs), _spelled(*ours), strict=True))
    for row in _rows():
        if (row[1], row[2]) in wanted and (inode := int(row[9])):
            return Socket(inode, int(row[7]))
    return None


def holders(inode: int) -> list[int]:
    """The processes that have it open, as far as we may see. It looks at every descriptor of every process."""
    link = f"socket:[{inode}]"
    return [pid for pid in procfs.everyone() if link in procfs.open_files(pid)]


def _rows() -> Iterator[list[bytes]]:
    for table in _TABLES:
        for line in procfs.network(table).splitlines()[1:]:
            yield line.split()


def _spelled(host: str, port: int) -> list[bytes]:
    """An end as it may stand in the tables: words of the machine's own order, in hexadecimal."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    forms = [packed] if len(packed) == 16 else [packed, _MAPPED + packed]
    return [
        b"%b:%04X" % (b"".join(b"%08X" % word for word in struct.unpack(f"={len(form) // 4}I", form)), port)
        for form in forms
    ]


def is_ours(found: Socket) -> bool:
    """Made by a process of our user."""
    return found.uid == os.getuid()
