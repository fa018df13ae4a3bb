"""The other end of a TCP connection on this machine, and whose socket it is: the daemon asks who comes, a client who
is there.

The kernel is asked for this one connection (sock_diag(7)). Where that is not allowed its whole table is read (proc(5)),
which takes the longer the more connections there have been.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import attrs

_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
"""Of the network that we are in: by our own entry, for not every /proc has another."""
_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address as an IPv6 socket has it

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = 1
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_WANTED = struct.Struct("=BBBBI")  # of struct inet_diag_req_v2, up to the id
_ID = struct.Struct("!HH16s16sIII")  # struct inet_diag_sockid: of its numbers only the ports have a byte order
_PORTS = struct.Struct("!4xHH")  # of struct inet_diag_msg
_WHOSE = struct.Struct("=64xII")
_ANY_COOKIE = 0xFFFFFFFF


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
    """The socket at `theirs` that is connected to `ours`; None if there is none any more. It may take long: not for the
    loop's own thread."""
    try:
        return asked(theirs, ours)
    except OSError:
        return read(theirs, ours)


def asked(theirs: tuple[str, int], ours: tuple[str, int]) -> Socket | None:
    """Of the kernel. Raises `OSError` if that can't be done."""
    family, source = _packed(theirs[0])
    _, destination = _packed(ours[0])
    ends = _ID.pack(theirs[1], ours[1], source, destination, 0, _ANY_COOKIE, _ANY_COOKIE)
    body = _WANTED.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_COOKIE) + ends
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST, 1, 0) + body)
        answer = kernel.recv(4096)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:  # an error: there is none
        return None
    if _PORTS.unpack_from(answer, _HEADER.size) != (theirs[1], ours[1]):  # somebody listens there now
        return None
    uid, inode = _WHOSE.unpack_from(answer, _HEADER.size)
    return Socket(inode, uid) if inode else None


def read(theirs: tuple[str, int], ours: tuple[str, int]) -> Socket | None:
    """In the tables, where the ends of a connection stand beside each other."""
    for mine, other in zip(_spelled(*theirs), _spelled(*ours), strict=True):
        for table in _TABLES:
            if row := _row(_read(table), b" %b %b " % (mine, other)):
                return Socket(int(row[9]), int(row[7])) if int(row[9]) else None
    return None


def _read(table: str) -> bytes:
    try:
        return Path(table).read_bytes()
    except OSError:
        return b""


def _row(table: bytes, ends: bytes) -> list[bytes]:
    at = table.find(ends)
    if at < 0:
        return []
    start = table.rfind(b"\n", 0, at) + 1
    return table[start : table.find(b"\n", at)].split()


def _packed(host: str) -> tuple[int, bytes]:
    """Its family, and 16 bytes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, socket.inet_pton(family, host).ljust(16, b"\0")


def _spelled(host: str, port: int) -> list[bytes]:
    """An end as it may stand in the tables: words of the machine's own order, in hexadecimal."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    forms = [packed] if len(packed) == 16 else [packed, _MAPPED + packed]
    words = (b"".join(b"%08X" % word for word in struct.unpack(f"={len(form) // 4}I", form)) for form in forms)
    return [b"%b:%04X" % (word, port) for word in words]
