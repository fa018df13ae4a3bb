"""A process that writes to a journal, for tests that kill it, fill its disk, or fail its syncs.

`python -m tests.journal.child MODE PATH`; each append that returned is a line `session head` on stdout.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from pathlib import Path

import trio

from jelmored.domain.ids import SessionId
from jelmored.errors import JournalError
from jelmored.journal.base import Batch, Journal
from jelmored.journal.sqlite import SqliteJournal
from tests.journal.contract import entries, running

WRITERS = 8


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def append(journal: Journal, session_id: SessionId, head: int, events: int, size: int = 300) -> int:
    """Facts hold the head, so that a torn batch shows."""
    new = head + events
    facts = b"%d" % new
    await journal.append([Batch(session_id=session_id, events=entries(head + 1, new, size), facts=facts)])
    say(f"{session_id} {new}")
    return new


async def write_for_ever(journal: Journal) -> None:
    heads = {session.session_id: session.seq for session in await journal.sessions()}

    async def write(session_id: SessionId) -> None:
        head = heads.get(session_id, 0)
        while True:
            head = await append(journal, session_id, head, 1 + head % 7)

    async with trio.open_nursery() as nursery:
        for number in range(WRITERS):
            nursery.start_soon(write, SessionId(f"ses_{number}"))


async def remove_for_ever(journal: Journal) -> None:
    """Each session is made in one append and removed in the next; `ses_N removed` says when."""
    first = int.from_bytes(os.urandom(6))

    async def come_and_go(number: int) -> None:
        while True:
            session_id = SessionId(f"ses_{number}")
            await append(journal, session_id, 0, 200)
            await journal.append([Batch(session_id=session_id, removed=True)])
            say(f"{session_id} removed")
            number += WRITERS

    async with trio.open_nursery() as nursery:
        for number in range(WRITERS):
            nursery.start_soon(come_and_go, first + number)


async def fill_the_disk(journal: Journal) -> None:
    """Append until there is no room, get some, go on. A limit on the size of files stands in for the disk."""
    session_id = SessionId("ses_full")
    head = await append(journal, session_id, 0, 1)
    limit = 512 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        while head < 10_000:
            head = await append(journal, session_id, head, 3)
    except JournalError as error:
        say(f"{error.kind} {int(journal.status().ok)}")
    page = await journal.read(session_id, limit=10_000)
    say(f"read {page.entries[-1].seq}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await append(journal, session_id, head, 3)
    with trio.fail_after(5):
        await journal.healed()
    say(f"relieved {int(journal.status().ok)}")


async def fail_syncs(journal: Journal) -> None:
    """Append before and after the kernel begins to refuse every sync."""
    session_id = SessionId("ses_sync")
    head = await append(journal, session_id, 0, 1)
    refuse_syncs()
    try:
        await append(journal, session_id, head, 1)
    except JournalError as error:
        say(f"{error.kind} {int(journal.status().ok)}")


class Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction)))


SYSCALLS = {"x86_64": (317, 74, 75), "aarch64": (277, 82, 83)}
"""seccomp, fsync, fdatasync."""


def refuse_syncs() -> None:
    """From now on fsync and fdatasync of all threads of this process fail with EIO."""
    seccomp, fsync, fdatasync = SYSCALLS[platform.machine()]
    instructions = (Instruction * 5)(
        Instruction(0x20, 0, 0, 0),  # load the number of the system call
        Instruction(0x15, 1, 0, fsync),
        Instruction(0x15, 0, 1, fdatasync),
        Instruction(0x06, 0, 0, 0x0005_0005),  # fail with errno 5
        Instruction(0x06, 0, 0, 0x7FFF_0000),  # allow
    )
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: who can't gain rights may filter
    all_threads = 1
    if libc.syscall(seccomp, 1, all_threads, ctypes.byref(Program(len(instructions), instructions))) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


MODES = {"write": write_for_ever, "remove": remove_for_ever, "full": fill_the_disk, "sync": fail_syncs}


async def main(mode: str, path: str) -> None:
    async with running(SqliteJournal(Path(path))) as journal:
        await MODES[mode](journal)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
