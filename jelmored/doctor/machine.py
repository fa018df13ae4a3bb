"""The machine: versions, room on the disk, limits."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from jelmored import __version__
from jelmored.control.server import MAX_CLIENTS, MAX_WAITING
from jelmored.limits import OPEN_FILES

from .findings import Area, Finding
from .scene import Scene

MIB = 1024 * 1024
LEAST_BYTES = 64 * MIB
"""Below it the journal may soon have no room (it pauses when its reserve of 16 MiB is used up)."""
LITTLE_BYTES = 1024 * MIB

FILES_FOR_A_RUN = 8
"""Descriptors that an agent's run takes: three pipes, a lifeline, a descriptor of its process, and a few in passing."""
FILES_OF_OUR_OWN = 64

FAR_AWAY = frozenset({"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"})
"""Kinds of file system without the locks and the shared memory that SQLite's write-ahead log needs."""


def versions(scene: Scene) -> Iterator[Finding]:
    area = Area("versions")
    python = platform.python_version()
    yield area.good(
        f"jelmored {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.release()}"
    )
    if platform.system() != "Linux":
        yield area.note("only Linux is tested: here agents have no warden")
    if scene.report and scene.report.status.version != __version__:
        running = scene.report.status.version
        yield area.note(
            f"the daemon that runs is {running}", "`jelmore daemon stop`; the next start is of this version"
        )


def disk(scene: Scene) -> Iterator[Finding]:
    area = Area("disk")
    directory = _existing(scene.places.state)
    free = shutil.disk_usage(directory).free
    words = f"{_size(free)} free for {scene.places.state}"
    if free < LEAST_BYTES:
        yield area.bad(f"{words}: sessions pause when it is full", "make room there, or give another --state-dir")
    elif free < LITTLE_BYTES:
        yield area.note(
            f"{words}: sessions pause when it is full", "`jelmore rm` and `journal.retention_days` make room"
        )
    else:
        yield area.good(words)
    kind = _file_system(directory)
    if kind in FAR_AWAY:
        yield area.bad(
            f"{directory} is on a network ({kind}), where the journal's locks don't hold",
            "put the state directory on a local disk: --state-dir",
        )


def limits(scene: Scene) -> Iterator[Finding]:
    area = Area("limits")
    runs = scene.settings.max_total_sessions if scene.settings else 0
    wanted = MAX_CLIENTS + MAX_WAITING + runs * FILES_FOR_A_RUN + FILES_OF_OUR_OWN
    have = _open_files(scene)
    words = f"{have:,} open files, of which {wanted:,} may be wanted"
    if have < wanted:
        yield area.note(words, f"raise it: LimitNOFILE={wanted} in the unit, or `ulimit -n {wanted}`")
    else:
        yield area.good(words)


def _open_files(scene: Scene) -> int:
    """What the daemon may open, else what one that is started from here may."""
    if scene.report:
        for line in _lines(Path(f"/proc/{scene.report.status.pid}/limits")):
            if line.startswith("Max open files"):
                word = line.split()[3]
                return int(word) if word.isdecimal() else sys.maxsize
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft, min(OPEN_FILES, hard))  # a daemon raises it so far itself


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _file_system(path: Path) -> str:
    """Its kind, where the system tells."""
    best, kind = "", ""
    for line in _lines(Path("/proc/self/mounts")):
        _, point, here, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")
        if os.path.commonpath([point, path.resolve()]) == point and len(point) >= len(best):
            best, kind = point, here
    return kind


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _size(number: int) -> str:
    return f"{number / MIB / 1024:.1f} GiB" if number >= LITTLE_BYTES else f"{number / MIB:.0f} MiB"
