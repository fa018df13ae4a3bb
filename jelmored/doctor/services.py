"""What a service manager knows of us: the units that are installed, and whether they can do what they say."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from .findings import Area, Finding
from .scene import Scene

SYSTEM = (Path("/etc/systemd/system"), Path("/usr/local/lib/systemd/system"), Path("/usr/lib/systemd/system"))
REMEDY = "`jelmore daemon install` writes it anew"
LINGER = Path("/var/lib/systemd/linger")
_PROGRAM = re.compile(r'^ExecStart=[-@:+!]*(?:"([^"]+)"|(\S+))', re.MULTILINE)


def units(scene: Scene) -> Iterator[Finding]:
    area = Area("units")
    users = _user_directory(scene.environ)
    found = [(file, False) for directory in SYSTEM for file in sorted(directory.glob("jelmored*.service"))]
    found += [(file, True) for file in sorted(users.glob("jelmored*.service"))]
    for file, own in found:
        yield _of(area, file)
        if own and not (LINGER / getpass.getuser()).exists():
            yield area.note(f"{file.name} ends when you log out", "`loginctl enable-linger` lets it run on")
    if not found:
        yield area.note("none is installed; `jelmore` starts a daemon when it needs one")


def _of(area: Area, file: Path) -> Finding:
    try:
        program = _PROGRAM.search(file.read_text("utf-8", errors="replace"))
    except OSError as error:
        return area.note(f"{file} can't be read: {error.strerror}")
    if program is None:
        return area.bad(f"{file} starts nothing", REMEDY)
    path = program[1] or program[2]
    if not os.access(path, os.X_OK):
        return area.bad(f"{file} starts {path}, which is not there", REMEDY)
    return area.good(f"{file} starts {path}")


def _user_directory(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME') or '/'}/.config"
    return Path(home) / "systemd" / "user"
